"""`manage.py prepare` makes what the processes need, and nothing twice."""

import hashlib
import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

import polib
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from fleet.pages.services import agent_wheel, catalogues, first_steps, static_files
from fleet.trust.access import can
from fleet.trust.core.roles import Verb
from fleet.trust.models import EnrolmentToken, Event, Site, User
from muster import __version__

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, settings) -> Path:
    """A data directory of its own, with assets that are collected in no time."""
    settings.MUSTER_DATA_DIR = tmp_path
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATICFILES_DIRS = [tmp_path / "assets"]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "page.css").write_text("body {}")
    return tmp_path


def prepare(*arguments: str) -> dict[str, Any]:
    output = StringIO()
    call_command("prepare", "--json", *arguments, stdout=output)
    return json.loads(output.getvalue().splitlines()[-1])


def test_the_first_run_makes_an_administrator_of_the_root_site() -> None:
    answer = prepare("--operator", "ada")
    person = User.objects.get()
    root = Site.objects.get(path="local/")

    assert person.check_password(answer["password"])
    assert can(person, Verb.ADMINISTER, root)
    assert answer["version"] == __version__


def test_a_second_run_changes_nothing_and_tells_no_password() -> None:
    prepare("--site", "local/plant-a")
    before = (Event.objects.count(), Site.objects.count(), User.objects.values_list("password").get())
    answer = prepare("--site", "local/plant-a")

    assert answer["password"] is None
    assert before == (Event.objects.count(), Site.objects.count(), User.objects.values_list("password").get())


def test_a_site_is_made_with_everything_above_it() -> None:
    site = first_steps.ensure_site("local/plant-a/line-3")

    assert site.name == "Line 3"
    assert [found.path for found in Site.objects.order_by("path")] == [
        "local/",
        "local/plant-a/",
        "local/plant-a/line-3/",
    ]


def test_a_token_is_for_one_device_at_its_site_and_tier() -> None:
    answer = prepare("--token", "plant-a-term-1:local/plant-a:terminal")
    token = EnrolmentToken.objects.get()

    assert (token.site.path, token.tier, token.max_uses, token.auto_approve) == ("local/plant-a/", "terminal", 1, True)
    assert list(answer["tokens"]) == ["plant-a-term-1"]


def test_a_malformed_token_request_is_refused() -> None:
    with pytest.raises(CommandError, match="not NAME:SITE:TIER"):
        prepare("--token", "only-a-name")


def test_a_password_from_a_file_is_used_and_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("correct horse battery staple\n")
    answer = prepare("--password-file", str(tmp_path / "password"))

    assert answer["password"] is None
    assert User.objects.get().check_password("correct horse battery staple")


def test_assets_are_collected_again_only_when_one_changed(data_dir: Path) -> None:
    first, second = static_files.collect(), static_files.collect()
    (data_dir / "assets" / "page.css").write_text("body { color: red }")

    assert (first, second, static_files.collect()) == (True, False, True)
    assert (data_dir / "static" / "page.css").read_text() == "body { color: red }"


def test_the_agents_wheel_is_the_same_bytes_every_time(data_dir: Path) -> None:
    def build() -> str:
        with agent_wheel.built():
            pass
        [wheel] = (data_dir / "agent").iterdir()
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        os.utime(wheel, (0, 0))  # older than its sources
        return digest

    assert build() == build()


def test_a_current_wheel_is_not_built_again(data_dir: Path) -> None:
    with agent_wheel.built():
        pass
    [wheel] = (data_dir / "agent").iterdir()
    made = wheel.stat().st_mtime_ns
    with agent_wheel.built():
        pass

    assert wheel.stat().st_mtime_ns == made


def test_a_wheel_that_cannot_be_built_says_why(tmp_path: Path, settings) -> None:
    settings.BASE_DIR = tmp_path / "empty"
    settings.BASE_DIR.mkdir()
    (settings.BASE_DIR / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    with pytest.raises(agent_wheel.WheelNotBuilt, match=r"\S"), agent_wheel.built():
        pass

    assert not list((tmp_path / "agent").glob("*.whl"))


def test_a_catalogue_is_compiled_when_it_is_newer(tmp_path: Path) -> None:
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    source = polib.POFile()
    source.append(polib.POEntry(msgid="Node", msgstr="Knoten"))
    source.save(str(folder / "django.po"))

    assert catalogues.compile_all(tmp_path) == [folder / "django.mo"]
    assert catalogues.compile_all(tmp_path) == []
    assert polib.mofile(str(folder / "django.mo")).find("Node").msgstr == "Knoten"


def test_the_checkouts_catalogues_are_all_compiled_for_the_tests() -> None:
    for locale in settings.LOCALE_PATHS:
        assert catalogues.compile_all(Path(locale)) == []
