"""A question to a shard whose answer the publisher computed: does this device compute the same?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muster.shards.errors import ProbeImpossible, ShardError
from muster.shards.shard import Shard
from muster.shards.stand_in import stand_in
from muster.wire.targets import MAX_PROBE_VALUES, Probe

if TYPE_CHECKING:
    import numpy as np

MILLION = 1_000_000
MAX_VALUES = 64  # of each output
LARGEST = (1 << 53) - 1  # in millionths: what canonical JSON carries

# In millionths. On another instruction set sums are ordered otherwise and products fused: some layers of
# some thousand float32 terms then differ by 10⁻⁶ to 10⁻⁴ of their size, while other weights, or a layer
# left out, change the first decimal. Half precision rounds every layer to 11 (F16) or 8 (BF16) bits, so one
# other rounding in each of some layers is that much more.
TOLERANCE = 1_000
TOLERANCES = {"F16": 5_000, "BF16": 30_000}


def make(shard: Shard, seed: str, rows: int = 2) -> Probe:
    """Ask the shard and keep its answer.

    Raises:
        ProbeImpossible: the answer is not finite, or too large for millionths.
        ShardError: the shard does not run.
    """
    values = [value for _, _, value in _answer(shard, seed, rows)]
    expected = [_millionths(value) for value in values]
    if None in expected:
        raise ProbeImpossible(f"{shard.component.name} answers {values[expected.index(None)]}")
    return Probe(seed, rows, [value for value in expected if value is not None], _tolerance(shard))


def check(shard: Shard, probe: Probe) -> str | None:
    """Return None if the shard answers as expected, otherwise what differs, in English."""
    try:
        answer = _answer(shard, probe.seed, probe.rows)
    except ShardError as error:
        return str(error)
    if len(answer) != len(probe.expected):
        return f"{len(answer)} values, expected {len(probe.expected)}"
    for (name, index, value), expected in zip(answer, probe.expected, strict=True):
        allowed = max(probe.tolerance, probe.tolerance * abs(expected) // MILLION)
        got = _millionths(value)
        if got is None or abs(got - expected) > allowed:
            return f"{name}, value {index}: {value:.6f}, expected {expected / MILLION:.6f} ± {allowed / MILLION:.6f}"
    return None


def _answer(shard: Shard, seed: str, rows: int) -> list[tuple[str, int, Any]]:
    """Return (output, index, value) of the first values of every output, in order of the outputs' names."""
    tensors = [shard.workload.tensor(name) for name in shard.component.inputs]
    outputs = shard.run({tensor.name: _asked(tensor, seed, rows) for tensor in tensors})
    most = min(MAX_VALUES, MAX_PROBE_VALUES // len(outputs))
    return [
        (name, index, value)
        for name in sorted(outputs)
        for index, value in enumerate(outputs[name].reshape(-1)[:most].tolist())
    ]


def _asked(tensor: Any, seed: str, rows: int) -> np.ndarray[Any, Any]:
    try:
        return stand_in(tensor, seed, rows)
    except ValueError as error:
        raise ProbeImpossible(str(error)) from error


def _millionths(value: float) -> int | None:
    """Return a value in millionths, rounded to the nearest; None if it is not finite or too large."""
    scaled = value * MILLION
    # Written so that NaN, which is neither larger nor smaller, does not pass.
    return round(scaled) if abs(scaled) <= LARGEST else None


def _tolerance(shard: Shard) -> int:
    """Return what the coarsest type among the shard's tensors needs."""
    from muster.tensors.dtypes import of_torch

    kinds = {of_torch(tensor.dtype) for tensor in shard.module.state_dict().values()}
    return max([TOLERANCE, *(TOLERANCES[kind] for kind in kinds & TOLERANCES.keys())])
