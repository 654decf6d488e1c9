"""How far federated rounds reach: `python -m bench.learning`.

Every figure comes out of the very functions that nodes and server run: local training, update files, screening,
the streamed mean, evaluation. Members take their turns in this process.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from safetensors.torch import load_file
from torch import Tensor, nn

from aggregation.core import strategies
from aggregation.core.config import DEFAULT, JobConfig
from aggregation.core.lifecycle import Screen
from aggregation.core.screening import screen
from bench import orchestration
from bench.workloads import one_thread
from muster.shards import modules, naming
from muster.tensors import safetensors
from muster.tensors.accumulate import Weighted, aggregate
from muster.training.evaluate import ALL, evaluate
from muster.training.local import train
from muster.wire.work import Partition, UpdateKind
from muster.workloads import catalogue
from muster.workloads.declaration import Component, Dataset, Source, Variant, Workload
from muster.workloads.declaration import Tensor as Border

MEMBERS = 7
SEEDS = (1, 2, 3)
ROUNDS = 10
WANTED = 0.95  # of the digits' held-out part
ALPHA_MILLIONTHS = 300_000

States = dict[str, dict[str, Tensor]]
Metrics = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Federation:
    """A workload, who trains it, and what it is judged by."""

    workload: Workload
    members: Sequence[Dataset]
    held_out: Dataset
    config: JobConfig

    def rounds(self, folder: Path) -> Iterator[Metrics]:
        """Yield what each round's model reaches, beginning with the untrained one."""
        states = first_states(self.workload, self.config.local.seed)
        yield evaluate(self.workload, states, self.held_out)
        for number in range(1, self.config.rounds + 1):
            states = self.round(folder, states, number)
            yield evaluate(self.workload, states, self.held_out)

    def round(self, folder: Path, states: States, number: int) -> States:
        """Return the next weights: every member trains, each update is screened, the mean is streamed."""
        base, out, strategy = folder / "base", folder / "out", strategies.get("fedavg")
        safetensors.write(base, whole_file(states))
        updates = []
        for index, dataset in enumerate(self.members):
            path = folder / f"update-{index}"
            trained = train(
                self.workload,
                states,
                dataset,
                self.config.local,
                trained=list(states),
                round_number=number,
                node=f"member-{index}",
            )
            safetensors.write(path, trained.delta)
            self._screen(path, states, trained.samples)
            updates.append(Weighted(path, strategy.weights(trained.samples)))
        aggregate(base, updates, out, combine=strategy.combine)
        return read_states(out)

    def _screen(self, path: Path, states: States, samples: Mapping[str, int]) -> None:
        verdict = screen(
            path,
            expected=modules.described(whole_file(states)),
            trained=list(states),
            samples=samples,
            kind=UpdateKind.PLAIN,
            wanted_kind=UpdateKind.PLAIN,
            max_norm=self.config.max_norm,
        )
        if verdict.reason is not Screen.NONE:
            raise RuntimeError(f"{path.name}: {verdict.detail}")


def first_states(workload: Workload, seed: int) -> States:
    return {c.name: modules.initial(workload, c.name, c.variants[0].name, seed) for c in workload.components}


def whole_file(states: States) -> dict[str, Tensor]:
    return {naming.full(c, None, rest): tensor for c, state in states.items() for rest, tensor in state.items()}


def read_states(path: Path) -> States:
    """Return component → tensors of a whole model's file, read by the safetensors library."""
    tensors = load_file(path)
    groups = naming.split(tensors)
    return {
        component: {rest: tensors[name] for rest, name in names.items()} for (component, _), names in groups.items()
    }


def digits(seed: int, rounds: int = ROUNDS) -> Federation:
    """Return seven members with Dirichlet(0.3) shares of the digits' training part."""
    workload = catalogue.get("digits")
    parts = [Partition(ALPHA_MILLIONTHS, MEMBERS, index, seed) for index in range(MEMBERS)]
    members = [workload.data(Source(seed=0, partition=part)) for part in parts]
    return Federation(workload, members, held_out(workload), configured(seed, rounds))


def eldercare(seed: int, rounds: int = ROUNDS) -> Federation:
    """Return seven members, each with the samples of a home of its own."""
    workload = catalogue.get("eldercare")
    members = [workload.data(Source(seed=1000 * seed + home)) for home in range(MEMBERS)]
    return Federation(workload, members, held_out(workload), configured(seed, rounds))


def held_out(workload: Workload) -> Dataset:
    return workload.data(Source(seed=0, held_out=True))


def configured(seed: int, rounds: int) -> JobConfig:
    """Return the defaults of a job, which the form offers, with this seed."""
    return msgspec.structs.replace(DEFAULT, rounds=rounds, local=msgspec.structs.replace(DEFAULT.local, seed=seed))


def unimodal(federation: Federation, modality: str) -> Federation:
    """Return the same members with one kind of evidence, for the model of that encoder and a linear map."""
    workload = federation.workload
    encoder = next(c for c in workload.components if c.modality == modality)
    features = encoder.outputs[0]

    class Classes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.classes = nn.Linear(features.shape[0], len(workload.classes))

        def forward(self, **given: Tensor) -> dict[str, Tensor]:
            return {workload.output: self.classes(given[features.name])}

    output = Border(workload.output, (len(workload.classes),))
    top = Component(
        "classes",
        modality,
        (features.name,),
        (output,),
        "cloud",
        (Variant("full", "Full"),),
        lambda _variant: Classes(),
    )
    alone = replace(
        workload,
        name=f"{workload.name}_{modality}",
        inputs=tuple(raw for raw in workload.inputs if raw.modality == modality),
        components=(encoder, top),
    )
    members = [only(alone, member, modality) for member in federation.members]
    return replace(federation, workload=alone, members=members, held_out=only(alone, federation.held_out, modality))


def only(workload: Workload, dataset: Dataset, modality: str) -> Dataset:
    """Return all samples with one modality's inputs and presence."""
    inputs = {raw.tensor.name: dataset.inputs[raw.tensor.name] for raw in workload.inputs}
    return replace(dataset, inputs=inputs, present={modality: dataset.present[modality]})


def run(federation: Federation) -> list[Metrics]:
    """Return what each round's model reaches, the untrained one first."""
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        return list(federation.rounds(Path(folder)))


def accuracies(curve: Sequence[Metrics], key: str = ALL) -> list[float]:
    return [metrics[key]["accuracy"] for metrics in curve]


def _row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |")


def _print_digits() -> None:
    begin = time.perf_counter()
    curves = [accuracies(run(digits(seed))) for seed in SEEDS]
    print(f"\nDigits, Dirichlet(0.3) over {MEMBERS} members, accuracy on the held-out part after each round\n")
    _row("seed", *(str(number) for number in range(ROUNDS + 1)))
    _row(*["---"] * (ROUNDS + 2))
    for seed, curve in zip(SEEDS, curves, strict=True):
        _row(str(seed), *(f"{value:.3f}" for value in curve))
    first = [next((n for n, value in enumerate(curve) if value >= WANTED), None) for curve in curves]
    print(f"\nworst of {len(SEEDS)} seeds after round {ROUNDS}: {min(curve[-1] for curve in curves):.3f}")
    print(f"{WANTED} first reached in rounds {', '.join(map(str, first))}; {time.perf_counter() - begin:.0f} s")


def _print_eldercare() -> None:
    begin = time.perf_counter()
    print(f"\nEldercare, {MEMBERS} members with a home each, accuracy on the held-out part after round {ROUNDS}\n")
    kinds = [raw.modality for raw in catalogue.get("eldercare").inputs]
    _row(
        "seed",
        "fused",
        *(f"{kind} alone in it" for kind in kinds),
        *(f"{kind}'s own model" for kind in kinds),
        "margin",
    )
    _row(*["---"] * (3 + 2 * len(kinds)))
    margins = []
    for seed in SEEDS:
        federation = eldercare(seed)
        last = run(federation)[-1]
        inside = [last[kind]["accuracy"] for kind in kinds]
        own = [accuracies(run(unimodal(federation, kind)))[-1] for kind in kinds]
        margins.append(last[ALL]["accuracy"] - max(*inside, *own))
        _row(str(seed), *(f"{value:.3f}" for value in (last[ALL]["accuracy"], *inside, *own, margins[-1])))
    print(f"\nfusion leads the best single modality of either kind by {100 * min(margins):.1f} to ", end="")
    print(f"{100 * max(margins):.1f} points; {time.perf_counter() - begin:.0f} s")


def _print_mean() -> None:
    """Print how fast files are averaged, beside the same sums of arrays that are in memory already."""
    rng, elements = np.random.default_rng(0), 10_000_000
    deltas = [rng.normal(0, 0.01, elements).astype(np.float32) for _ in range(MEMBERS)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        safetensors.write(folder / "base", {"a.w": deltas[0]})
        for index, delta in enumerate(deltas):
            safetensors.write(folder / str(index), {"a.w": delta})
        updates = [Weighted(folder / str(index), {"a": 100 + index}) for index in range(MEMBERS)]
        streamed_s = min(_seconds(lambda: aggregate(folder / "base", updates, folder / "out")) for _ in range(3))
    in_memory_s = min(_seconds(lambda: _summed(deltas)) for _ in range(3))
    megabytes = (MEMBERS + 2) * elements * 4 / 1e6
    print(f"\nThe mean of {MEMBERS} updates of {elements * 4 // 10**6} MB from files: {streamed_s:.2f} s, ", end="")
    print(f"{megabytes / streamed_s:.0f} MB/s read and written; whole arrays in memory: {in_memory_s:.2f} s")


def _summed(deltas: Sequence[np.ndarray]) -> np.ndarray:
    total = np.zeros(len(deltas[0]))
    for index, delta in enumerate(deltas):
        total += delta.astype(np.float64) * (100.0 + index)
    return (deltas[0] + total / sum(range(100, 100 + len(deltas)))).astype(np.float32)


def _seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def main() -> None:
    _print_mean()
    _print_digits()
    _print_eldercare()
    print()
    orchestration.main()


if __name__ == "__main__":
    main()
