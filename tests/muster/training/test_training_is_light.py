"""What a page or a gateway needs of training and aggregation loads neither torch nor numpy."""

import json
import subprocess
import sys

USE = """
import json, sys
import muster.tensors.accumulate, muster.training.evaluate, muster.training.local, muster.training.partition
from aggregation.core import config, screening, strategies
config.from_document(config.to_document(config.DEFAULT))
strategies.get("fedavg")
print(json.dumps([name for name in ("torch", "numpy") if name in sys.modules]))
"""


def test_importing_it_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", USE], capture_output=True, check=True, timeout=60)
    assert json.loads(done.stdout) == []
