"""A small workload with a branchy graph: two raw inputs, a tensor that three components share, two outputs of one.

picture ─▶ look ─▶ seen ─┬─▶ compare ─▶ likeness, doubt ─┐
        └────────────────┘           seen ───────────────┼─▶ decide ─▶ logits
words ───▶ read ─▶ meaning ──────────────────────────────┘
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muster.workloads.declaration import Component, Dataset, DType, RawInput, Source, Tensor, Variant, Workload

if TYPE_CHECKING:
    import torch

WORDS = 11


def look(variant: str) -> torch.nn.Module:
    from torch import nn

    class Look(nn.Module):
        def __init__(self, channels: int, bfloat16: bool) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, channels, 3, padding=1)
            self.norm = nn.BatchNorm2d(channels)
            self.out = nn.Linear(channels * 64, 33)
            if bfloat16:
                self.bfloat16()

        def forward(self, picture: torch.Tensor) -> dict[str, torch.Tensor]:
            seen = self.norm(self.conv(picture.to(self.conv.weight.dtype))).relu().flatten(1)
            return {"seen": self.out(seen).float()}

    return Look(3 if variant == "small" else 7, variant == "bf16")


def read(variant: str) -> torch.nn.Module:
    from torch import nn

    class Read(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(WORDS, 9)
            self.gru = nn.GRU(9, 17, batch_first=True)

        def forward(self, words: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"meaning": self.gru(self.table(words))[0][:, -1]}

    return Read()


def compare(variant: str) -> torch.nn.Module:
    from torch import nn

    class Compare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix = nn.Linear(33 + 64, 20)

        def forward(self, seen: torch.Tensor, picture: torch.Tensor) -> dict[str, torch.Tensor]:
            import torch

            mixed = self.mix(torch.cat([seen, picture.flatten(1)], 1)).tanh()
            return {"likeness": mixed[:, :13], "doubt": mixed[:, 13:].argmax(1, keepdim=True)}

    return Compare()


def decide(variant: str) -> torch.nn.Module:
    from torch import nn

    class Decide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.doubts = nn.Embedding(7, 5)
            self.out = nn.Sequential(nn.Linear(33 + 13 + 5 + 17, 40), nn.ReLU(), nn.Linear(40, 3))

        def forward(self, **given: torch.Tensor) -> dict[str, torch.Tensor]:
            import torch

            doubt = self.doubts(given["doubt"][:, 0])
            return {"logits": self.out(torch.cat([given["seen"], given["likeness"], doubt, given["meaning"]], 1))}

    return Decide()


def no_data(source: Source) -> Dataset:
    raise OSError("the toy has no data")


def loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.nn.functional.cross_entropy(logits, labels)


def metrics(logits: Any, labels: Any) -> dict[str, float]:
    return {"accuracy": float((logits.argmax(1) == labels).mean())}


FULL, SMALL, BF16 = Variant("full", "Full"), Variant("small", "Small", ("terminal",)), Variant("bf16", "Half precision")
PICTURE, SEEN = Tensor("picture", (1, 8, 8)), Tensor("seen", (33,))
DOUBT = Tensor("doubt", (1,), DType.INT64, 7)
TOY = Workload(
    name="toy",
    version=3,
    title="Toy",
    description="A small branchy graph.",
    synthetic=True,
    classes=("no", "yes", "perhaps"),
    inputs=(
        RawInput(PICTURE, "vision", "terminal", may_leave=False),
        RawInput(Tensor("words", (5,), DType.INT64, WORDS), "text", "edge", may_leave=True),
    ),
    components=(
        Component("look", "vision", ("picture",), (SEEN,), "terminal", (FULL, SMALL, BF16), look),
        Component("read", "text", ("words",), (Tensor("meaning", (17,)),), "edge", (FULL,), read),
        Component(
            "compare", "vision", ("seen", "picture"), (Tensor("likeness", (13,)), DOUBT), "terminal", (FULL,), compare
        ),
        Component(
            "decide",
            "fusion",
            ("seen", "likeness", "doubt", "meaning"),
            (Tensor("logits", (3,)),),
            "cloud",
            (FULL,),
            decide,
        ),
    ),
    output="logits",
    data=no_data,
    loss=loss,
    metrics=metrics,
)
