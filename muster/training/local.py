"""Local training: some epochs of plain SGD on a member's own samples, and the difference that they made.

McMahan et al. 2017, "Communication-Efficient Learning of Deep Networks from Decentralized Data",
Algorithm 1, ClientUpdate: w ← w − η ∇ℓ(w; b) for each batch b of each epoch; here with momentum,
v ← μ v + ∇ℓ, w ← w − η v, whose v begins at zero in every round. What is handed over is w − w₀.

The same inputs give the same bytes on one machine, if the process computes in one thread
(`torch.set_num_threads(1)`, the caller's to say: it holds for the whole process).

TrainingError
└── Stopped     `stop` said so
"""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from muster.shards import modules, naming
from muster.training import evidence
from muster.wire.work import LocalTraining, WorkReason
from muster.workloads.declaration import Dataset, Workload

if TYPE_CHECKING:
    import torch

MILLION = 1_000_000
LOSS_BATCH = 512  # samples at once where nothing is learned, so that a large dataset takes no more memory


class TrainingError(Exception):
    """There is no update.

    Attributes:
        reason: as the node reports it.
    """

    def __init__(self, reason: WorkReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Stopped(TrainingError):
    """`stop` said so; what was learned is thrown away."""

    def __init__(self) -> None:
        super().__init__(WorkReason.NONE, "stopped")


@dataclass(frozen=True)
class Trained:
    """What came of it.

    Attributes:
        delta: `component.tensor` → difference to what training began with, in the same dtype: of floats as it is,
            of integers modulo their width, of truth values whether they changed.
        samples: component → labelled samples with its evidence; of these components every tensor is in `delta`.
        loss_before, loss_after: mean over the labelled samples, in evaluation mode.
        steps: how many batches were learned from.
    """

    delta: dict[str, torch.Tensor]
    samples: dict[str, int]
    loss_before: float
    loss_after: float
    steps: int


def train(
    workload: Workload,
    states: Mapping[str, Mapping[str, torch.Tensor]],
    dataset: Dataset,
    local: LocalTraining,
    *,
    trained: Collection[str],
    round_number: int,
    node: str,
    on_step: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Trained:
    """Train on the labelled samples and return the differences.

    Every component runs; those that are not trained, or whose modalities no labelled sample has, keep their weights
    and their buffers.

    Args:
        states: component → name inside it → tensor of the reference variant; not changed.
        trained: names of the components that may change.
        round_number, node: with `local.seed` the seed of shuffling and of everything random in the modules.
        on_step: is told how many batches are done and how many there will be.
        stop: asked before each batch.

    Raises:
        TrainingError: NO_DATA without a labelled sample for any trained component; NOT_FINITE where a loss, a
            weight or a difference is infinite or NaN.
        Stopped: `stop` said so.
        ShardError: the states do not fit, or the workload's own code failed.
    """
    samples = evidence.samples(workload, dataset, trained)
    if not samples:
        raise TrainingError(WorkReason.NO_DATA, f"no labelled sample for {', '.join(sorted(trained)) or 'nothing'}")
    with _repeatable(_seed(local.seed, node, round_number)):
        model = modules.whole(workload, states)
        batches = _Batches(workload, model, dataset)
        before = batches.loss()
        steps = _descend(batches, local, samples, on_step, stop)
        after = batches.loss()
    delta = _differences(model, states, samples)
    if not (math.isfinite(before) and math.isfinite(after) and all(_finite(tensor) for tensor in delta.values())):
        raise TrainingError(WorkReason.NOT_FINITE, "training diverged: a loss or a weight is not a finite number")
    return Trained(delta, samples, before, after, steps)


class _Batches:
    """The labelled samples as tensors, and the loss of some of them."""

    def __init__(self, workload: Workload, model: torch.nn.Module, dataset: Dataset) -> None:
        import torch

        chosen = evidence.labelled(dataset)
        self.workload, self.model = workload, model
        self.inputs = {name: torch.from_numpy(values[chosen]) for name, values in dataset.inputs.items()}  # (M, …)
        self.labels = torch.from_numpy(dataset.labels[chosen])  # (M,)

    def __len__(self) -> int:
        return len(self.labels)

    def loss_of(self, chosen: torch.Tensor) -> torch.Tensor:
        """Return the scalar loss of the samples at these indices (B,)."""
        tensors = self.model(**{name: values[chosen] for name, values in self.inputs.items()})
        return self.workload.loss(tensors[self.workload.output], self.labels[chosen])

    def loss(self) -> float:
        """Return the mean loss over all samples, in evaluation mode."""
        import torch

        self.model.eval()
        total = 0.0
        with torch.inference_mode():
            for chosen in _split(torch.arange(len(self)), LOSS_BATCH):
                total += float(self.loss_of(chosen)) * len(chosen)
        return total / len(self)


def _split(indices: torch.Tensor, size: int) -> Iterator[torch.Tensor]:
    """Yield the indices in pieces of `size`; the last may be smaller.

    Where it would be one sample it joins the piece before: batch norm refuses to learn from one alone.
    """
    count, begin = len(indices), 0
    while begin < count:
        end = begin + size
        if size > 1 and count - end == 1:
            end = count
        yield indices[begin:end]
        begin = end


def _descend(
    batches: _Batches,
    local: LocalTraining,
    active: Collection[str],
    on_step: Callable[[int, int], None] | None,
    stop: Callable[[], bool] | None,
) -> int:
    """Learn from every batch of every epoch; return how many there were."""
    import torch

    parameters = _released(batches.model, active)
    rate, momentum = local.learning_rate_millionths / MILLION, local.momentum_millionths / MILLION
    stepper = torch.optim.SGD(parameters, lr=rate, momentum=momentum, foreach=False) if parameters else None
    total, done = local.epochs * sum(1 for _ in _split(torch.arange(len(batches)), local.batch_size)), 0
    for _ in range(local.epochs):
        for chosen in _split(torch.randperm(len(batches)), local.batch_size):
            if stop is not None and stop():
                raise Stopped
            loss = batches.loss_of(chosen)
            if not math.isfinite(loss.item()):
                raise TrainingError(WorkReason.NOT_FINITE, f"training diverged: the loss of step {done + 1} of {total}")
            if stepper is not None:
                stepper.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                stepper.step()
            done += 1
            if on_step is not None:
                on_step(done, total)
    return done


def _released(model: torch.nn.Module, active: Collection[str]) -> list[torch.nn.Parameter]:
    """Set the active components to training mode and hold all others fixed; return the parameters that may change."""
    model.eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    released = []
    for name in sorted(active):
        part = model.get_submodule(name).train()
        released += [parameter for parameter in part.parameters() if parameter.is_floating_point()]
    for parameter in released:
        parameter.requires_grad_()
    return released


def _differences(
    model: torch.nn.Module, states: Mapping[str, Mapping[str, torch.Tensor]], active: Collection[str]
) -> dict[str, torch.Tensor]:
    """Return `component.tensor` → difference for every tensor of the active components."""
    found = {}
    for component in sorted(active):
        for rest, now in model.get_submodule(component).state_dict().items():
            found[naming.full(component, None, rest)] = _difference(now.detach(), states[component][rest].detach())
    return found


def _difference(now: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    import torch

    if now.dtype == torch.bool:
        return now ^ before
    if now.dtype in (torch.uint16, torch.uint32, torch.uint64):  # torch subtracts none of these itself
        signed = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}[now.dtype]
        return (now.view(signed) - before.view(signed)).view(now.dtype)
    return now - before


def _finite(tensor: torch.Tensor) -> bool:
    return bool(tensor.isfinite().all()) if tensor.is_floating_point() else True


def _seed(seed: int, node: str, round_number: int) -> int:
    """Return 63 bits that no two nodes and no two rounds share but by chance."""
    label = f"muster/local/1/{seed}/{node}/{round_number}"
    return int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "big") >> 1


@contextlib.contextmanager
def _repeatable(seed: int) -> Iterator[None]:
    """Compute with deterministic algorithms from the seed on, and leave torch as it was."""
    import torch

    before = torch.get_deterministic_debug_mode()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # As `use_deterministic_algorithms` does, which also loads torch's compiler: seconds, and 100 MB.
        torch.set_deterministic_debug_mode("error")
        try:
            yield
        finally:
            torch.set_deterministic_debug_mode(before)
