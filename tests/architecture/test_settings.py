"""Every setting is documented, and every documented setting exists."""

import re
from pathlib import Path

from config.settings import env

ROOT = Path(__file__).resolve().parent.parent.parent


def documented() -> set[str]:
    table = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `(MUSTER_\w+)` \|", table, flags=re.MULTILINE))


def test_every_setting_is_in_the_documentation() -> None:
    assert documented() == env.names


def test_settings_come_through_the_typed_readers_alone() -> None:
    direct = re.compile(r"environ(?:\.get\(|\[)\"(MUSTER_\w+)\"")
    own = {"MUSTER_AGENT_HOME"}  # the device's, not the server's
    early = {"MUSTER_DATA_DIR"}  # says where the file is that the readers fall back to
    for folder in ("config", "fleet", "aggregation", "inference", "agent", "muster"):
        for path in (ROOT / folder).rglob("*.py"):
            found = set(direct.findall(path.read_text(encoding="utf-8")))
            assert found <= own | early, path
