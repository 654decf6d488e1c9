"""Who sees what and who may do what: by grants alone, at a site and below it, nowhere else."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from hypothesis import given
from hypothesis import strategies as st

from fleet.registry.models import Node, Presence
from fleet.trust import access
from fleet.trust.access import Verb, can, can_anywhere, require, visible
from fleet.trust.core.roles import Role, allows, rank, roles_for
from fleet.trust.models import Event, Grant, Site, User
from fleet.trust.services import grants, users
from fleet.trust.services.actors import Actor

TESTS = Actor.system("tests")
ROLES = [(role.value, verb) for role in Role for verb in Verb]
ALLOWED = {
    ("viewer", Verb.VIEW),
    ("operator", Verb.VIEW),
    ("operator", Verb.OPERATE),
    ("operator", Verb.RELEASE),
    ("administrator", Verb.VIEW),
    ("administrator", Verb.OPERATE),
    ("administrator", Verb.RELEASE),
    ("administrator", Verb.ADMINISTER),
}


@pytest.mark.parametrize(("role", "verb"), ROLES)
def test_a_role_may_exactly_what_the_table_says(role, verb):
    assert allows(role, verb) is ((role, verb) in ALLOWED)
    assert (role in roles_for(verb)) is ((role, verb) in ALLOWED)


@given(st.sampled_from(Role), st.sampled_from(Role), st.sampled_from(Verb))
def test_a_higher_role_may_all_that_a_lower_one_may(one, other, verb):
    low, high = sorted([one, other], key=rank)
    assert allows(high, verb) or not allows(low, verb)


@pytest.mark.parametrize(("role", "verb"), ROLES)
def test_visible_and_can_agree_on_every_role_and_verb(make_user, make_node, site, role, verb):
    node = make_node()
    person = make_user("ann", (site, role))
    expected = (role, verb) in ALLOWED
    assert visible(Node.objects.all(), person, verb).exists() is expected
    assert can(person, verb, node) is expected
    assert can(person, verb, site) is expected
    assert can_anywhere(person, verb) is expected


PATHS = [
    "north",
    "north/plant-a",
    "north/plant-a/line-1",
    "north/plant-a/line-10",
    "north/plant-ab",
    "north/plant",
    "northern",
    "south/plant-a",
]


@pytest.mark.parametrize("granted", PATHS)
def test_a_grant_reaches_its_site_and_what_is_below_and_no_neighbour(make_site, make_user, granted):
    made = {path: make_site(path) for path in PATHS}
    person = make_user("ann", (made[granted], "viewer"))
    expected = {path for path in PATHS if path == granted or path.startswith(granted + "/")}
    assert {str(site) for site in visible(Site.objects.all(), person)} == expected
    assert {path for path, site in made.items() if can(person, Verb.VIEW, site)} == expected


def test_two_grants_add_up_each_with_its_own_role(make_site, make_user):
    a, b, c = make_site("north/a"), make_site("north/b"), make_site("north/c")
    person = make_user("ann", (a, "operator"), (b, "viewer"))
    assert set(visible(Site.objects.all(), person)) == {a, b}
    assert set(visible(Site.objects.all(), person, Verb.OPERATE)) == {a}
    assert not can(person, Verb.VIEW, c)


def test_a_higher_role_below_does_not_reach_up(make_site, make_user):
    root, below = make_site("north"), make_site("north/plant")
    person = make_user("ann", (root, "viewer"), (below, "administrator"))
    assert can(person, Verb.ADMINISTER, below)
    assert not can(person, Verb.OPERATE, root)


def test_like_patterns_in_a_path_match_only_themselves(make_user, site):
    """A slug cannot hold them today; the lookup must not depend on that."""
    trap = Site.objects.create(slug="a_b", name="trap", path="a_b/")
    other = Site.objects.create(slug="axb", name="other", path="axb/")
    person = make_user("ann", (trap, "viewer"))
    assert can(person, Verb.VIEW, trap)
    assert not visible(Site.objects.filter(pk=other.pk), person).exists()


def test_a_stranger_sees_and_may_nothing(user, make_node):
    node = make_node()
    for verb in Verb:
        assert not visible(Node.objects.all(), user, verb).exists()
        assert not can(user, verb, node)
        assert not can_anywhere(user, verb)


@pytest.mark.django_db
def test_somebody_who_is_not_signed_in_sees_nothing_and_asks_no_query(site, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert list(visible(Site.objects.all(), AnonymousUser())) == []
        assert not can(AnonymousUser(), Verb.VIEW, site)


def test_a_deactivated_administrator_sees_nothing(administrator, site):
    users.deactivate(administrator, actor=TESTS)
    assert not can(administrator, Verb.VIEW, site)
    assert not can(User.objects.get(pk=administrator.pk), Verb.VIEW, site)
    assert not visible(Site.objects.all(), administrator).exists()


def test_the_flags_of_django_grant_nothing(make_user, site):
    person = make_user("root")
    User.objects.filter(pk=person.pk).update(is_superuser=True, is_staff=True)
    person.refresh_from_db()
    assert not can(person, Verb.VIEW, site)
    assert not visible(Site.objects.all(), person).exists()


def test_what_belongs_to_no_site_is_nobodys(administrator):
    event = Event.objects.create(verb="x.done", actor_kind="system", actor_label="x", target_kind="x", site=None)
    assert not can(administrator, Verb.VIEW, event)
    assert event not in visible(Event.objects.all(), administrator)


def test_an_object_reaches_its_site_along_its_lookup(viewer, user, make_node):
    presence = make_node().presence
    assert can(viewer, Verb.VIEW, presence)
    assert not can(user, Verb.VIEW, presence)
    assert list(visible(Presence.objects.all(), viewer)) == [presence]


def test_require_refuses_by_an_exception(viewer, site):
    require(viewer, Verb.VIEW, site)
    with pytest.raises(PermissionDenied):
        require(viewer, Verb.OPERATE, site)


def test_grants_are_read_once_for_a_user_object(viewer, site, django_assert_num_queries):
    fresh = User.objects.get(pk=viewer.pk)
    with django_assert_num_queries(1):
        assert can(fresh, Verb.VIEW, site)
        assert not can(fresh, Verb.OPERATE, site)


def test_a_changed_grant_counts_at_once_for_the_user_object_that_was_given(viewer, site):
    assert not can(viewer, Verb.OPERATE, site)
    grants.give(actor=TESTS, user=viewer, site=site, role="operator")
    assert can(viewer, Verb.OPERATE, site)
    grants.take(actor=TESTS, user=viewer, site=site)
    assert not can(viewer, Verb.VIEW, site)


def test_a_kept_user_object_sees_a_changed_grant_after_forget(viewer, site):
    kept = User.objects.get(pk=viewer.pk)
    assert can(kept, Verb.VIEW, site)
    Grant.objects.all().delete()
    access.forget(kept)
    assert not can(kept, Verb.VIEW, site)
