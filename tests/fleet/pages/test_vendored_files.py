"""Third-party files are the ones their READMEs name."""

import hashlib
import re
from pathlib import Path

import pytest
from django.conf import settings
from plotly.offline import get_plotlyjs_version

ROW = re.compile(
    r"^\| (?P<file>[\w./-]+) \| (?P<package>\S+) \| (?P<version>[\d.]+) \| \S+ \| (?P<sha256>[0-9a-f]{64}) \|$", re.M
)
FOLDERS = [Path(settings.BASE_DIR, "static/vendor"), Path(settings.BASE_DIR, "tests/browser/vendor")]
ROWS = [(folder, match) for folder in FOLDERS for match in ROW.finditer((folder / "README.md").read_text())]


@pytest.mark.parametrize(("folder", "row"), ROWS, ids=[row["file"] for _folder, row in ROWS])
def test_a_vendored_file_has_the_hash_that_is_written_down(folder, row):
    assert hashlib.sha256((folder / row["file"]).read_bytes()).hexdigest() == row["sha256"]


def test_every_vendored_script_and_font_is_written_down():
    for folder in FOLDERS:
        named = {row["file"] for at, row in ROWS if at == folder}
        assert named == {
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in {".js", ".woff2"}
        }


def test_the_page_draws_with_the_plotly_that_the_server_builds_figures_for():
    versions = {row["package"]: row["version"] for _folder, row in ROWS}
    assert versions["plotly.js-basic-dist-min"] == get_plotlyjs_version()
