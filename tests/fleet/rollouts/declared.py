"""A workload for tests of the pure rules, which hang on no included one."""

from typing import Any

from muster.workloads.declaration import Component, RawInput, Tensor, Variant, Workload


def _never(*_args: Any) -> Any:
    raise AssertionError("the rules build nothing")


FULL = Variant("full", "Full", tiers=("edge", "cloud"))
LIGHT = Variant("light", "Light", tiers=("terminal",))

CAMERA = RawInput(Tensor("image", (1, 4, 4)), modality="vision", home="terminal", may_leave=False)
NOTE = RawInput(Tensor("words", (4,)), modality="text", home="edge", may_leave=True)

WATCH = Workload(
    name="watch",
    version=1,
    title="Watch",
    description="Two senses and where they meet.",
    synthetic=True,
    classes=("no", "yes"),
    inputs=(CAMERA, NOTE),
    components=(
        Component("eye", "vision", ("image",), (Tensor("seen", (4,)),), "terminal", (FULL, LIGHT), _never),
        Component("ear", "text", ("words",), (Tensor("heard", (4,)),), "edge", (Variant("full", "Full"),), _never),
        Component(
            "mind", "fusion", ("seen", "heard"), (Tensor("answer", (2,)),), "cloud", (Variant("full", "Full"),), _never
        ),
    ),
    output="answer",
    data=_never,
    loss=_never,
    metrics=_never,
)
