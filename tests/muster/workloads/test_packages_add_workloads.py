"""The example package: built, installed by pip, found by a fresh process and cut into shards like the included ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "docs" / "examples" / "greenhouse"

USE = """
import json, sys
from muster.workloads import catalogue
names, problems = catalogue.names(), catalogue.problems()
light = [name for name in ("torch", "numpy") if name in sys.modules]

import torch
from muster.shards import modules
from muster.workloads.declaration import Source
workload = catalogue.get("greenhouse")
with torch.device("meta"):
    climate = workload.component("climate").build("full")
expected = modules.expected(workload, "climate", "full")
states = {(c.name, "full"): modules.initial(workload, c.name, "full", seed=7) for c in workload.components}
climate.load_state_dict(states["climate", "full"], assign=True)
data = workload.data(Source(seed=3, limit=5))
from muster.wire.work import Partition
parts = [len(workload.data(Source(seed=3, partition=Partition(300_000, 3, index, 1)))) for index in range(3)]
features = climate(day=torch.from_numpy(data.inputs["day"]))["climate_features"]
print(json.dumps({
    "names": names, "problems": problems, "light": light, "samples": len(data), "parts": sum(parts),
    "expected": {name: list(shape) for name, (dtype, shape) in expected.items()}, "features": list(features.shape),
}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder into which pip installed the example."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--target", target, EXAMPLE],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return target


def test_the_example_is_found_and_its_shards_build(installed: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(installed)])}
    done = subprocess.run(
        [sys.executable, "-c", USE], env=environment, cwd=installed, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)

    assert answer["names"] == ["digits", "eldercare", "greenhouse"]
    assert answer["problems"] == {}
    assert answer["parts"] == 400  # members of a partition share one pool
    assert answer["light"] == []
    assert answer["expected"] == {"day.weight": [16, 72], "day.bias": [16]}
    assert (answer["samples"], answer["features"]) == (5, [5, 16])


def test_building_leaves_nothing_in_the_checkout(installed: Path) -> None:
    made = [path for path in EXAMPLE.rglob("*") if path.name in ("build", "dist") or path.suffix == ".egg-info"]
    assert made == []
