"""Sites grow into a tree whose paths are prefixes."""

import pytest
from django.db import IntegrityError, transaction

from fleet.trust.models import Event, Site
from fleet.trust.selectors.sites import by_path
from fleet.trust.services import sites
from fleet.trust.services.actors import Actor
from fleet.trust.services.errors import InvalidInput

TESTS = Actor.system("tests")


def test_a_path_is_the_slugs_from_the_root_each_with_a_slash(make_site):
    assert make_site("north/plant-a/line-1").path == "north/plant-a/line-1/"


def test_a_new_site_leaves_an_event(root):
    made = sites.create(actor=TESTS, parent=root, slug="plant-c", name="Plant C", time_zone="Europe/Berlin")
    event = Event.objects.get(target_id=made.pk)
    assert (event.verb, event.site, event.actor_label) == ("site.created", made, "tests")
    assert event.after == {"path": "north/plant-c/", "name": "Plant C", "time_zone": "Europe/Berlin"}


def test_a_second_site_of_one_path_is_refused_and_the_transaction_lives_on(site, root):
    with pytest.raises(sites.SiteExists):
        sites.create(actor=TESTS, parent=root, slug="plant-a", name="again")
    assert Site.objects.filter(path=site.path).count() == 1


@pytest.mark.parametrize("slug", ["", "A", "a_b", "-a", "a-", "a--b", "a/b", "ä", "a" * 64, "..", "a\n"])
@pytest.mark.django_db
def test_a_slug_that_could_break_a_path_is_refused(slug):
    with pytest.raises(InvalidInput) as caught:
        sites.create(actor=TESTS, parent=None, slug=slug, name="x")
    assert list(caught.value.fields) == ["slug"]


@pytest.mark.parametrize("zone", ["", "Mars/Base", "../../etc/passwd", "/etc/passwd", "Europe", "x\0"])
@pytest.mark.django_db
def test_a_time_zone_that_does_not_exist_is_refused(zone):
    with pytest.raises(InvalidInput) as caught:
        sites.create(actor=TESTS, parent=None, slug="x", name="x", time_zone=zone)
    assert list(caught.value.fields) == ["time_zone"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 121, "a\0"])
@pytest.mark.django_db
def test_a_site_needs_a_name_that_can_be_stored(name):
    with pytest.raises(InvalidInput):
        sites.create(actor=TESTS, parent=None, slug="x", name=name)


def test_a_tree_does_not_grow_deeper_than_a_path_can_be_long(root):
    parent = root
    with pytest.raises(InvalidInput):
        for _ in range(20):
            parent = sites.create(actor=TESTS, parent=parent, slug="x" * 63, name="x")


@pytest.mark.django_db
def test_the_database_refuses_a_path_without_its_slash():
    with pytest.raises(IntegrityError), transaction.atomic():
        Site.objects.create(slug="a", name="a", path="a")


@pytest.mark.parametrize("typed", ["north/plant-a", "/north/plant-a", "north/plant-a/"])
def test_a_site_is_found_however_its_slashes_are_typed(site, typed):
    assert by_path(typed) == site
