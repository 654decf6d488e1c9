"""The catalogue knows the included workloads, and other packages cannot take anything from it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from muster.workloads import catalogue

PRINT = """
import json
from muster.workloads import catalogue
print(json.dumps([catalogue.names(), catalogue.problems()]))
"""

GOOD = """
import dataclasses
from muster.workloads import digits
WORKLOAD = dataclasses.replace(digits.WORKLOAD, name="{name}")
"""


def package(folder: Path, name: str, entry: str, source: str) -> None:
    """Install a package of one module by hand, as pip would leave it."""
    (folder / f"{name}.py").write_text(source)
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[muster.workloads]\n{entry}\n")


def look(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return names and problems as a fresh process with the folder's packages sees them."""
    command = [sys.executable, "-c", f"import sys; sys.path.append({str(folder)!r})\n{PRINT}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    names, problems = json.loads(done.stdout)
    return names, problems


def test_the_included_workloads_are_there() -> None:
    assert {"digits", "eldercare"} <= set(catalogue.names())
    assert [catalogue.get(name).name for name in catalogue.names()] == catalogue.names()


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(catalogue.UnknownWorkload, match=r"no workload 'letters'; there are .*digits, eldercare"):
        catalogue.get("letters")


def test_only_the_digits_are_real() -> None:
    assert not catalogue.get("digits").synthetic
    assert catalogue.get("eldercare").synthetic


@pytest.mark.parametrize(
    ("entry", "source", "reason"),
    [
        ("bad = bad:WORKLOAD", "import no_such_module", "No module named 'no_such_module'"),
        ("bad = bad:WORKLOAD", "def :", "SyntaxError"),
        ("bad = bad:WORKLOAD", "raise SystemExit(3)", "SystemExit: 3"),
        ("bad = bad:WORKLOAD", "raise RuntimeError('no sensor')", "RuntimeError: no sensor"),
        ("bad = bad:WORKLOAD", "", "has no attribute 'WORKLOAD'"),
        ("bad = bad:WORKLOAD", "WORKLOAD = 'a text'", "bad:WORKLOAD is a str, not a Workload"),
        ("bad = bad:WORKLOAD", GOOD.format(name="other"), "the workload calls itself 'other'"),
        ("bad = bad:WORKLOAD", GOOD.format(name="Not A Name"), "DeclarationError"),
        ("bad = nowhere:WORKLOAD", "", "No module named 'nowhere'"),
        ("digits = bad:WORKLOAD", GOOD.format(name="digits"), "the name is taken"),
    ],
)
def test_a_broken_package_is_a_problem_and_breaks_nothing(tmp_path: Path, entry: str, source: str, reason: str) -> None:
    package(tmp_path, "bad", entry, source)
    package(tmp_path, "good", "good = good:WORKLOAD", GOOD.format(name="good"))

    names, problems = look(tmp_path)

    assert {"digits", "eldercare", "good"} <= set(names)
    assert "bad" not in names
    name = entry.split(" ")[0]
    assert problems[name].startswith("bad: ")
    assert reason in problems[name]


def test_of_two_packages_with_one_name_the_first_serves_and_the_other_is_named(tmp_path: Path) -> None:
    package(tmp_path, "zebra", "twice = zebra:WORKLOAD", GOOD.format(name="twice"))
    package(tmp_path, "ant", "twice = ant:WORKLOAD", GOOD.format(name="twice"))

    names, problems = look(tmp_path)

    assert names.count("twice") == 1
    assert problems["twice"] == "zebra: the name is taken"
