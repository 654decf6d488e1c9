"""A workload of another package with one heavy component, so that a download takes long enough to be interrupted."""

import textwrap
from pathlib import Path

MODULE = """
from muster.workloads.declaration import Component, Dataset, RawInput, Source, Tensor, Variant, Workload

SIDE = 3072  # a square matrix of float32: 36 MiB


def build(variant):
    import torch

    class Heavy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.wide = torch.nn.Linear(SIDE, SIDE)
            self.classes = torch.nn.Linear(SIDE, 2)

        def forward(self, signal):
            return {"logits": self.classes(torch.relu(self.wide(signal)))}

    return Heavy()


def data(source: Source) -> Dataset:
    import numpy as np

    generator = np.random.default_rng(source.seed)
    signal = generator.standard_normal((8, SIDE)).astype(np.float32)
    labels = (signal.sum(axis=1) > 0).astype(np.int64)
    return Dataset({"signal": signal}, labels, {"signal": np.ones(8, bool)}, synthetic=True)


def loss(outputs, labels):
    import torch

    return torch.nn.functional.cross_entropy(outputs, labels, ignore_index=-1)


def metrics(logits, labels):
    return {"accuracy": float((logits.argmax(1) == labels).mean())}


WORKLOAD = Workload(
    name="heavy", version=1, title="Heavy", description="Synthetic: one large matrix.", synthetic=True,
    classes=("low", "high"),
    inputs=(RawInput(Tensor("signal", (SIDE,)), modality="signal", home="terminal", may_leave=False),),
    components=(
        Component("load", "signal", ("signal",), (Tensor("logits", (2,)),), "terminal",
                  (Variant("full", "Full network"),), build),
    ),
    output="logits", data=data, loss=loss, metrics=metrics,
)
"""


def install(folder: Path) -> None:
    """Lay the package into a folder that stands on PYTHONPATH, as an installer would."""
    (folder / "heavy_workload.py").write_text(MODULE)
    metadata = folder / "heavy_workload-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: heavy-workload\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        textwrap.dedent(
            """\
            [muster.workloads]
            heavy = heavy_workload:WORKLOAD
            """
        )
    )
