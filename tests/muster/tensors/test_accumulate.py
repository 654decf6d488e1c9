"""Files of updates become the file of the averaged model."""

import itertools
import random
import subprocess
import sys
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from muster.tensors import accumulate, safetensors
from muster.tensors.accumulate import Weighted, aggregate
from muster.tensors.errors import TensorFileError
from tests.muster.tensors.averaging import plain

FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
WHOLE = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint64, torch.uint32, torch.uint16, torch.uint8]
TYPES = [*FLOATS, *WHOLE, torch.bool]
SHAPES = [(), (1,), (3, 5), (0, 4), (64,), (7, 1, 2)]
COMPONENTS = ["vision", "text", "fusion"]


def drawn(dtype: torch.dtype, shape: tuple[int, ...], rng: np.random.Generator, size: float = 1.0) -> torch.Tensor:
    if dtype.is_floating_point:
        return torch.from_numpy(np.asarray(rng.normal(0, size, shape))).to(dtype)
    if dtype == torch.bool:
        return torch.from_numpy(np.asarray(rng.integers(0, 2, shape), bool))
    bits = 8 * dtype.itemsize
    # Up to 40 bits: beyond 53 float64 does not hold every sum.
    values = rng.integers(-(2 ** (min(bits, 40) - 1)), 2 ** (min(bits, 40) - 1), shape)
    return torch.from_numpy(np.asarray(values).astype(f"i{bits // 8}")).view(dtype)


def model(rng: np.random.Generator) -> dict[str, torch.Tensor]:
    """Return a tensor of every type and shape among three components."""
    kinds = itertools.product(TYPES, SHAPES)
    return {f"{COMPONENTS[i % 3]}.{i}": drawn(dtype, shape, rng) for i, (dtype, shape) in enumerate(kinds)}


def written(folder: Path, name: str, tensors: Mapping[str, torch.Tensor]) -> Path:
    safetensors.write(folder / name, tensors)
    return folder / name


def member(folder: Path, index: int, base: Mapping[str, torch.Tensor], samples: Mapping[str, int]) -> Weighted:
    rng = np.random.default_rng([7, index])
    tensors = {
        name: drawn(tensor.dtype, tuple(tensor.shape), rng, 0.1)
        for name, tensor in base.items()
        if name.split(".")[0] in samples
    }
    return Weighted(written(folder, f"update-{index}", tensors), samples)


def compare(base: Path, updates: list[Weighted], out: Path) -> None:
    """Assert that the file is, byte for byte, what the plain computation gives."""
    aggregate(base, updates, out)
    safetensors.write(out.with_name("plain"), plain(base, [(update.path, update.samples) for update in updates]))
    assert out.read_bytes() == out.with_name("plain").read_bytes()


def test_it_is_the_plain_computation_byte_for_byte(tmp_path: Path) -> None:
    tensors = model(np.random.default_rng(0))
    base = written(tmp_path, "base", tensors)
    held = [{"vision": 120, "fusion": 120}, {"vision": 7, "text": 40, "fusion": 41}, {"text": 1000, "fusion": 0}]
    compare(base, [member(tmp_path, index, tensors, samples) for index, samples in enumerate(held)], tmp_path / "out")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    held=st.lists(st.dictionaries(st.sampled_from(COMPONENTS), st.integers(0, 10**6)), max_size=6),
    seed=st.integers(0, 2**32),
    chunk=st.sampled_from([1, 3, 64, 1 << 19]),
)
def test_whoever_takes_part_and_however_it_is_cut(tmp_path: Path, monkeypatch, held, seed: int, chunk: int) -> None:
    monkeypatch.setattr(accumulate, "CHUNK_ELEMENTS", chunk)
    names = [f"{component}.{kind}" for component in COMPONENTS for kind in range(3)]
    rng = np.random.default_rng(seed)
    kinds = [TYPES[i] for i in rng.integers(0, len(TYPES), len(names))]
    tensors = {n: drawn(t, SHAPES[rng.integers(0, len(SHAPES))], rng) for n, t in zip(names, kinds, strict=True)}
    base = written(tmp_path, "base", tensors)
    compare(base, [member(tmp_path, index, tensors, samples) for index, samples in enumerate(held)], tmp_path / "out")


def test_the_mean_is_exact_but_for_one_rounding(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    base = written(tmp_path, "base", {"a.w": torch.from_numpy(rng.normal(0, 1, 500).astype("f4"))})
    samples = [3, 1000, 77, 401, 20]
    updates = [
        Weighted(written(tmp_path, f"u{i}", {"a.w": torch.from_numpy(rng.normal(0, 0.1, 500).astype("f4"))}), {"a": n})
        for i, n in enumerate(samples)
    ]
    aggregate(base, updates, tmp_path / "out")
    before, after = load_file(base)["a.w"].numpy(), load_file(tmp_path / "out")["a.w"].numpy()
    deltas = [load_file(update.path)["a.w"].numpy() for update in updates]
    for i in range(500):
        mean = sum(n * Fraction(float(d[i])) for n, d in zip(samples, deltas, strict=True)) / sum(samples)
        exact = Fraction(float(before[i])) + mean
        # Half a step of float32, and what 6 roundings of float64 may add to it.
        step = Fraction(float(np.spacing(np.abs(after[i]))))
        assert abs(Fraction(float(after[i])) - exact) <= step / 2 + Fraction(1, 2**48)


def test_the_order_given_is_the_order_of_summation(tmp_path: Path) -> None:
    base = written(tmp_path, "base", {"a.w": torch.zeros(1, dtype=torch.float64)})
    values = {"a": 1e16, "b": 1.0, "c": -1e16}
    updates = {
        name: Weighted(written(tmp_path, name, {"a.w": torch.tensor([value], dtype=torch.float64)}), {"a": 1})
        for name, value in values.items()
    }
    for order in itertools.permutations("abc"):
        aggregate(base, [updates[name] for name in order], tmp_path / "out")
        total = 0.0
        for name in order:
            total += values[name]
        assert load_file(tmp_path / "out")["a.w"].item() == total / 3
    found = {((values[x] + values[y]) + values[z]) / 3 for x, y, z in itertools.permutations("abc")}
    assert len(found) > 1  # otherwise nothing was shown


def test_arrival_in_any_order_gives_the_same_bytes_once_sorted(tmp_path: Path) -> None:
    tensors = model(np.random.default_rng(1))
    base = written(tmp_path, "base", tensors)
    updates = [member(tmp_path, index, tensors, dict.fromkeys(COMPONENTS, 10 + index)) for index in range(5)]
    aggregate(base, updates, tmp_path / "out")
    for arrival in range(5):
        arrived = random.Random(arrival).sample(updates, len(updates))
        aggregate(base, sorted(arrived, key=lambda update: update.path.name), tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == (tmp_path / "out").read_bytes()


@pytest.mark.parametrize("samples", [1, 7, 999_983])
def test_one_member_alone_gives_the_base_plus_its_difference(tmp_path: Path, samples: int) -> None:
    tensors = {
        name: tensor for name, tensor in model(np.random.default_rng(2)).items() if tensor.dtype != torch.float64
    }
    base = written(tmp_path, "base", tensors)
    update = member(tmp_path, 0, tensors, dict.fromkeys(COMPONENTS, samples))
    aggregate(base, [update], tmp_path / "out")
    after, delta = load_file(tmp_path / "out"), load_file(update.path)
    for name, tensor in tensors.items():
        if tensor.dtype == torch.bool:
            wanted = tensor ^ delta[name]
        elif tensor.is_floating_point():
            wanted = (tensor.double() + delta[name].double()).to(tensor.dtype)
        else:
            signed = f"i{tensor.element_size()}"
            moved = np.asarray(tensor.numpy().view(signed) + delta[name].numpy().view(signed))
            wanted = torch.from_numpy(moved).view(tensor.dtype)
        assert torch.equal(after[name], wanted), name


def test_what_nobody_trained_keeps_its_bytes_even_where_they_are_no_numbers(tmp_path: Path) -> None:
    odd = torch.tensor([float("nan"), -0.0, float("inf"), 1e-45])
    base = written(tmp_path, "base", {"text.w": odd, "vision.w": torch.ones(3), "vision@light.w": torch.ones(2)})
    update = Weighted(written(tmp_path, "update", {"vision.w": torch.ones(3)}), {"vision": 5})
    none = Weighted(written(tmp_path, "none", {"text.w": torch.ones(4)}), {"text": 0})
    aggregate(base, [update, none], tmp_path / "out")
    after = load_file(tmp_path / "out")
    assert after["text.w"].numpy().tobytes() == odd.numpy().tobytes()
    assert after["vision@light.w"].tolist() == [1, 1]
    assert after["vision.w"].tolist() == [2, 2, 2]


@pytest.mark.parametrize("updates", ["none", "without samples"])
def test_without_anybody_the_model_stays_as_it_is(tmp_path: Path, updates: str) -> None:
    tensors = model(np.random.default_rng(4))
    base = written(tmp_path, "base", tensors)
    given_ = [] if updates == "none" else [member(tmp_path, 0, tensors, dict.fromkeys(COMPONENTS, 0))]
    aggregate(base, given_, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == base.read_bytes()


def test_each_component_weighs_by_its_own_samples(tmp_path: Path) -> None:
    base = written(tmp_path, "base", {"vision.w": torch.zeros(1), "text.w": torch.zeros(1)})
    one = {"vision.w": torch.tensor([1.0]), "text.w": torch.tensor([1.0])}
    two = {"vision.w": torch.tensor([4.0]), "text.w": torch.tensor([5.0])}
    updates = [
        Weighted(written(tmp_path, "one", one), {"vision": 1, "text": 3}),
        Weighted(written(tmp_path, "two", two), {"vision": 2, "text": 1}),
    ]
    aggregate(base, updates, tmp_path / "out")
    assert load_file(tmp_path / "out")["vision.w"].item() == 3.0  # (1·1 + 2·4) / 3
    assert load_file(tmp_path / "out")["text.w"].item() == 2.0  # (3·1 + 1·5) / 4


def test_halves_of_integers_go_to_the_even_one(tmp_path: Path) -> None:
    base = written(tmp_path, "base", {"a.n": torch.tensor([0, 0, 10, -3])})
    updates = [
        Weighted(written(tmp_path, "one", {"a.n": torch.tensor([1, 3, 0, 0])}), {"a": 1}),
        Weighted(written(tmp_path, "two", {"a.n": torch.tensor([0, 0, -1, -3])}), {"a": 1}),
    ]
    aggregate(base, updates, tmp_path / "out")
    assert load_file(tmp_path / "out")["a.n"].tolist() == [0, 2, 10, -5]  # steps of ½, 1½, −½, −1½


def test_a_strategy_may_combine_base_and_mean_otherwise(tmp_path: Path) -> None:
    base = written(tmp_path, "base", {"a.w": torch.tensor([10.0, 20.0]), "a.n": torch.tensor([5])})
    update = {"a.w": torch.tensor([1.0, 2.0]), "a.n": torch.tensor([3])}
    weighted = Weighted(written(tmp_path, "update", update), {"a": 4})
    aggregate(base, [weighted], tmp_path / "out", combine=lambda base, mean: base - 2 * mean)
    assert load_file(tmp_path / "out")["a.w"].tolist() == [8.0, 16.0]
    assert load_file(tmp_path / "out")["a.n"].tolist() == [8]


REFUSED = {
    "a tensor that the base has not": ({"a.x": torch.ones(2)}, {"a": 1}, accumulate.NotOfBase),
    "another shape": ({"a.w": torch.ones(3)}, {"a": 1}, accumulate.NotOfBase),
    "another type": ({"a.w": torch.ones(2).double()}, {"a": 1}, accumulate.NotOfBase),
    "no word of samples": ({"a.w": torch.ones(2)}, {"b": 1}, accumulate.NotWeighable),
    "fewer samples than none": ({"a.w": torch.ones(2)}, {"a": -1}, accumulate.NotWeighable),
    "a sum too large for the type": ({"a.w": torch.full((2,), 3.4e38)}, {"a": 1}, accumulate.Overflow),
    "no number": ({"a.w": torch.tensor([1.0, float("nan")])}, {"a": 1}, accumulate.Overflow),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_averaged_is_refused_and_leaves_no_file(tmp_path: Path, case: str) -> None:
    tensors, samples, error = REFUSED[case]
    base = written(tmp_path, "base", {"a.w": torch.full((2,), 3.4e38)})
    update = Weighted(written(tmp_path, "update", tensors), samples)
    with pytest.raises(error):
        aggregate(base, [update], tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "update"]


@pytest.mark.parametrize("damage", [b"", b"\x08", b"no tensors at all"])
def test_a_damaged_file_is_refused_by_its_name_in_the_tree(tmp_path: Path, damage: bytes) -> None:
    base = written(tmp_path, "base", {"a.w": torch.ones(2)})
    (tmp_path / "update").write_bytes(damage)
    with pytest.raises(TensorFileError):
        aggregate(base, [Weighted(tmp_path / "update", {"a": 1})], tmp_path / "out")
    assert not (tmp_path / "out").exists()


MEASURE = """
import resource, sys
from pathlib import Path
from muster.tensors.accumulate import Weighted, aggregate
import numpy  # before the measurement: it is there anyway
folder, small = Path(sys.argv[1]), sys.argv[2]
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
aggregate(folder / small, [], folder / "warm")
before = peak()
aggregate(folder / "base", [Weighted(folder / "update", {"a": 1 + i}) for i in range(10)], folder / "out")
print(peak() - before)
"""


def test_ten_updates_of_a_large_model_take_far_less_memory_than_one_model(tmp_path: Path) -> None:
    model_bytes = 200_000_000
    shapes = {"a.large": ("F32", (40_000_000,)), "a.rest": ("F32", (10_000_000,))}
    head, placed = safetensors.layout(shapes)
    for name in ("base", "update"):  # zeros but for one value, as holes: nothing has to be written
        with (tmp_path / name).open("wb") as file:
            file.write(head)
            file.seek(placed["a.rest"].start)
            file.write(np.float32(0.5).tobytes())
            file.truncate(len(head) + model_bytes)
    written(tmp_path, "small", {"a.w": torch.ones(2)})
    run = [sys.executable, "-c", MEASURE, str(tmp_path), "small"]
    growth = int(subprocess.run(run, check=True, capture_output=True, text=True, timeout=120).stdout)
    assert growth < model_bytes / 3
    assert (tmp_path / "out").stat().st_size == len(head) + model_bytes
    with (tmp_path / "out").open("rb") as file:
        file.seek(placed["a.rest"].start)
        assert np.frombuffer(file.read(8), "<f4").tolist() == [1.0, 0.0]
