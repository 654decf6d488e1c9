"""A page or a gateway may read what a model is without paying for what runs it."""

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "sklearn", "numpy", "PIL")

READ = """
import json, sys
from muster.workloads import catalogue
read = {}
for name in catalogue.names():
    workload = catalogue.get(name)
    read[name] = [component.variant_for("edge").title for component in workload.components]
print(json.dumps({"read": read, "loaded": [name for name in %r if name in sys.modules]}))
"""


@pytest.mark.parametrize("first", ["", "import muster.workloads.digits, muster.workloads.eldercare"])
def test_catalogue_and_declarations_load_nothing_heavy(first: str) -> None:
    done = subprocess.run([sys.executable, "-c", first + READ % (HEAVY,)], capture_output=True, check=True, timeout=60)
    answer = json.loads(done.stdout)
    assert answer["loaded"] == []
    assert len(answer["read"]["digits"]) == 2
    assert len(answer["read"]["eldercare"]) == 4
