"""What the included workloads cost and how well they learn: `python -m bench.workloads`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.svm import SVC
from torch import Tensor, nn

from muster.shards import cost
from muster.workloads import catalogue
from muster.workloads.declaration import Component, Dataset, Source, Workload
from muster.workloads.digits.data import training_part

SEEDS = (0, 1)
HOMES = 5  # of eldercare, whose samples are joined for training in one place


@dataclass(frozen=True)
class Training:
    """How a model is trained here; a federation does it otherwise."""

    epochs: int
    rate: float
    batch: int = 32


DIGITS = Training(epochs=12, rate=0.1)
ELDERCARE = Training(epochs=12, rate=3e-3, batch=64)


def joined(datasets: Iterable[Dataset]) -> Dataset:
    """Return several datasets of one workload as one."""
    parts = list(datasets)

    def together(of: Callable[[Dataset], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        return {name: np.concatenate([of(part)[name] for part in parts]) for name in of(parts[0])}

    labels = np.concatenate([part.labels for part in parts])
    return Dataset(together(lambda p: p.inputs), labels, together(lambda p: p.present), parts[0].synthetic)


def eldercare_training() -> Dataset:
    """Return what five homes hold together."""
    workload = catalogue.get("eldercare")
    return joined(workload.data(Source(seed=home)) for home in range(HOMES))


class Assembled(nn.Module):
    """A workload's components in order, each in the variant that `variants` names or else its reference."""

    def __init__(self, workload: Workload, variants: dict[str, str] | None = None) -> None:
        super().__init__()
        self.declared = workload.components
        self.parts = nn.ModuleDict(
            {c.name: c.build((variants or {}).get(c.name, c.variants[0].name)) for c in workload.components}
        )

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        tensors = dict(inputs)
        for component in self.declared:
            tensors |= self.parts[component.name](**{name: tensors[name] for name in component.inputs})
        return tensors


class Alone(nn.Module):
    """One encoder with a linear map of its own: what a single modality can tell."""

    def __init__(self, workload: Workload, component: Component) -> None:
        super().__init__()
        self.declared, self.output = component, workload.output
        self.encoder = component.build(component.variants[0].name)
        self.classes = nn.Linear(component.outputs[0].shape[0], len(workload.classes))

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        features = self.encoder(**{name: inputs[name] for name in self.declared.inputs})
        return {self.output: self.classes(features[self.declared.outputs[0].name])}


def train(
    workload: Workload, models: list[nn.Module], data: Dataset, seed: int, how: Training, optimizer: type
) -> None:
    """Fit the models together, each on every batch; what they share learns from all of them."""
    with one_thread():
        _train(workload, models, data, seed, how, optimizer)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread: several only wait for each other at networks this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _train(
    workload: Workload, models: list[nn.Module], data: Dataset, seed: int, how: Training, optimizer: type
) -> None:
    inputs = {name: torch.from_numpy(values) for name, values in data.inputs.items()}
    labels, order = torch.from_numpy(data.labels), torch.Generator().manual_seed(seed)
    parameters = list({id(p): p for model in models for p in model.parameters()}.values())
    stepper = optimizer(parameters, lr=how.rate)
    for _ in range(how.epochs):
        for chosen in torch.randperm(len(labels), generator=order).split(how.batch):
            batch = {name: values[chosen] for name, values in inputs.items()}
            stepper.zero_grad()
            sum(workload.loss(model(batch)[workload.output], labels[chosen]) for model in models).backward()
            stepper.step()


def logits(workload: Workload, model: nn.Module, data: Dataset) -> np.ndarray:
    with torch.inference_mode():
        return model({name: torch.from_numpy(values) for name, values in data.inputs.items()})[workload.output].numpy()


def eldercare(seed: int, training: Dataset, held_out: Dataset) -> dict[str, np.ndarray]:
    """Return model → logits of the held-out part: each modality alone, then `fusion`."""
    workload = catalogue.get("eldercare")
    results = {}
    for name in ("motion", "vision", "text", "fusion"):
        torch.manual_seed(seed)
        model = Assembled(workload) if name == "fusion" else Alone(workload, workload.component(name))
        train(workload, [model], training, seed, ELDERCARE, torch.optim.Adam)
        results[name] = logits(workload, model, held_out)
    return results


def digits(seed: int, held_out: Dataset) -> dict[str, np.ndarray]:
    """Return variant of `vision` → logits of the held-out part; both variants learn before one head."""
    workload = catalogue.get("digits")
    torch.manual_seed(seed)
    full, light = Assembled(workload), Assembled(workload, {"vision": "light"})
    light.parts["head"] = full.parts["head"]
    train(workload, [full, light], training_part(), seed, DIGITS, torch.optim.SGD)
    return {"full": logits(workload, full, held_out), "light": logits(workload, light, held_out)}


def _zeros(component: Component, workload: Workload) -> dict[str, Tensor]:
    tensors = [workload.tensor(name) for name in component.inputs]
    return {t.name: torch.zeros(1, *t.shape, dtype=getattr(torch, t.dtype.value)) for t in tensors}


def _median_us(component: Component, variant: str, workload: Workload) -> float:
    module, inputs, times = component.build(variant), _zeros(component, workload), []
    with torch.inference_mode():
        for _ in range(300):
            begin = time.perf_counter()
            module(**inputs)
            times.append(time.perf_counter() - begin)
    return float(np.median(times)) * 1e6


def _print_costs() -> None:
    print("| workload | component | variant | FLOPs | parameters | one sample, µs |\n|---|---|---|---|---|---|")
    for workload in map(catalogue.get, ("digits", "eldercare")):
        for component in workload.components:
            for variant in component.variants:
                flops, parameters = (
                    count(workload, component.name, variant.name) for count in (cost.flops, cost.parameters)
                )
                cells = (workload.name, component.name, variant.name, f"{flops:,}", f"{parameters:,}")
                print(f"| {' | '.join(cells)} | {_median_us(component, variant.name, workload):.0f} |")


def _print_accuracies(title: str, workload: Workload, labels: np.ndarray, runs: list[dict]) -> None:
    """Print accuracy and macro F1 of each model, the worst and the best seed."""
    print(f"\n| {title} | accuracy | macro F1 |\n|---|---|---|")
    for name in runs[0]:
        results = [workload.metrics(run[name], labels) for run in runs]
        spans = (sorted(result[key] for result in results) for key in ("accuracy", "macro_f1"))
        print(f"| {name} | {' | '.join(f'{span[0]:.3f} to {span[-1]:.3f}' for span in spans)} |")


def main() -> None:
    with one_thread():
        _print_costs()
    _print_digits()
    _print_eldercare()


def _print_digits() -> None:
    workload, begin = catalogue.get("digits"), time.perf_counter()
    held_out = workload.data(Source(seed=0, held_out=True))
    runs = [digits(seed, held_out) | {"support vector machine": _machine(held_out)} for seed in SEEDS]
    _print_accuracies(f"digits, {len(held_out):,} held out", workload, held_out.labels, runs)
    print(f"\n{len(SEEDS)} seeds in {time.perf_counter() - begin:.1f} s")


def _machine(held_out: Dataset) -> np.ndarray:
    """Return what scikit-learn's support vector machine, as it comes, answers: a measure of how hard the data is."""
    training = training_part()
    machine = SVC().fit(training.inputs["image"].reshape(len(training), -1), training.labels)
    return machine.decision_function(held_out.inputs["image"].reshape(len(held_out), -1))


def _print_eldercare() -> None:
    workload, begin = catalogue.get("eldercare"), time.perf_counter()
    training, held_out = eldercare_training(), workload.data(Source(seed=0, held_out=True))
    runs = [eldercare(seed, training, held_out) for seed in SEEDS]
    _print_accuracies(f"eldercare, {len(held_out):,} held out", workload, held_out.labels, runs)
    whole = np.all(list(held_out.present.values()), axis=0)
    complete = [{name: values[whole] for name, values in run.items()} for run in runs]
    _print_accuracies(f"eldercare, the {whole.sum():,} that lack nothing", workload, held_out.labels[whole], complete)
    print(f"\n{len(SEEDS)} seeds in {time.perf_counter() - begin:.1f} s")


if __name__ == "__main__":
    main()
