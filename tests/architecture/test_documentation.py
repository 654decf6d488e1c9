"""What the documentation names exists: files, commands and targets."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
MADE = {"var", "build", "dist"}  # by running, not by us
OWN_COMMANDS = {"up", "help"}  # `manage.py up` runs before Django, see ADR 0005

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def files() -> list[str]:
    """Return the path of every file of ours, each with a slash in front."""
    folders = [path for path in ROOT.iterdir() if path.is_dir() and path.name not in MADE and path.name[0] != "."]
    found = [*ROOT.iterdir(), *(path for folder in folders for path in folder.rglob("*.*"))]
    return [f"/{path.relative_to(ROOT)}" for path in found]


@pages
def test_every_link_leads_to_a_file(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


@pages
def test_every_named_source_file_exists(page: Path) -> None:
    names = set(re.findall(r"`([\w./-]+\.(?:py|js|toml|yml|html))`", page.read_text(encoding="utf-8")))
    present = files()
    missing = sorted(name for name in names if not any(path.endswith("/" + name) for path in present))
    assert not missing


@pages
def test_every_named_command_and_target_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    commands = set(re.findall(r"manage\.py ([a-z]\w+)", text)) - OWN_COMMANDS
    assert commands <= set(get_commands())
    targets = set(re.findall(r"^\s*make ([a-z-]+)|`make ([a-z-]+)", text, flags=re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    assert {first or second for first, second in targets} <= known
