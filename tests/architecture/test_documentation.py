"""What the documentation names exists: files, commands and targets."""

import re
import subprocess
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
OWN_COMMANDS = {"up", "help"}  # `manage.py up` runs before Django, see ADR 0005

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    return ["/" + name for name in listed.stdout.splitlines()] or [
        "/" + str(path.relative_to(ROOT)) for path in ROOT.rglob("*.*")
    ]


@pages
def test_every_link_leads_to_a_file(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


@pages
def test_every_named_source_file_exists(page: Path) -> None:
    names = set(re.findall(r"`([\w./-]+\.(?:py|js|toml|yml|html))`", page.read_text(encoding="utf-8")))
    files = tracked()
    missing = sorted(name for name in names if not any(path.endswith("/" + name) for path in files))
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
