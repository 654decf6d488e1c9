"""Every update that must not count is refused with its reason; the sound ones are measured."""

import dataclasses
import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from aggregation.core import screening
from aggregation.core.lifecycle import Screen
from aggregation.core.screening import MAX_SAMPLES, Screened, screen
from muster.tensors import safetensors
from muster.tensors.errors import TensorFileError
from tests.muster.tensors.malformed import CORPUS

EXPECTED = {
    "vision.w": ("F32", (2, 3)),
    "vision.n": ("I64", ()),
    "text.w": ("BF16", (4,)),
    "text.seen": ("BOOL", (2,)),
    "fusion.w": ("F64", (2,)),
}
SOUND = {
    "vision.w": torch.tensor([[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]]),
    "vision.n": torch.tensor(10**12),  # no float: not part of the norm
    "text.w": torch.tensor([4.0, 0.0, -2.0, 0.25]).bfloat16(),
    "text.seen": torch.tensor([True, False]),
}
SAMPLES = {"vision": 100, "text": 7}


@dataclasses.dataclass
class Case:
    """What differs from the sound update."""

    reason: Screen
    tensors: dict = dataclasses.field(default_factory=dict)
    without: tuple[str, ...] = ()
    samples: dict = dataclasses.field(default_factory=lambda: SAMPLES)
    kind: str = "plain"
    max_norm: float = 100.0
    raw: bytes | None = None


def changed(name: str, index: tuple[int, ...], value: float) -> dict[str, torch.Tensor]:
    tensor = SOUND[name].clone()
    tensor[index] = value
    return {name: tensor}


def twisted(name: str, value: int) -> bytes:
    """Return the sound file with another first byte of a tensor's."""
    with tempfile.TemporaryDirectory() as folder:
        safetensors.write(Path(folder) / "sound", SOUND)
        data = bytearray((Path(folder) / "sound").read_bytes())
    data[safetensors.read_header(bytes(data)).tensors[name].start] = value
    return bytes(data)


CASES = {
    "an empty file": Case(Screen.MALFORMED, raw=b""),
    "no header": Case(Screen.MALFORMED, raw=b"\xff" * 40),
    "a truth value that is neither": Case(Screen.MALFORMED, raw=twisted("text.seen", 2)),
    "a tensor that nobody knows": Case(Screen.EXTRA_TENSOR, {"vision.extra": torch.ones(1)}),
    "a component that nobody knows": Case(Screen.EXTRA_TENSOR, {"sound.w": torch.ones(1)}),
    "a variant": Case(Screen.EXTRA_TENSOR, {"vision@light.w": torch.ones(2, 3)}),
    "a component that is held fixed": Case(Screen.EXTRA_TENSOR, {"fusion.w": torch.ones(2).double()}),
    "a missing tensor": Case(Screen.MISSING_TENSOR, without=("vision.n",)),
    "no tensor at all": Case(Screen.MISSING_TENSOR, without=tuple(SOUND)),
    "a transposed tensor": Case(Screen.WRONG_SHAPE, {"vision.w": torch.ones(3, 2)}),
    "a flattened tensor": Case(Screen.WRONG_SHAPE, {"vision.w": torch.ones(6)}),
    "a wider type": Case(Screen.WRONG_DTYPE, {"vision.w": torch.ones(2, 3).double()}),
    "the other half type": Case(Screen.WRONG_DTYPE, {"text.w": torch.ones(4).half()}),
    "a NaN": Case(Screen.NOT_FINITE, changed("vision.w", (1, 2), math.nan)),
    "an infinity": Case(Screen.NOT_FINITE, changed("vision.w", (0, 0), -math.inf)),
    "a NaN in bfloat16": Case(Screen.NOT_FINITE, changed("text.w", (3,), math.nan)),
    "too long a step": Case(Screen.NORM, changed("vision.w", (0, 0), 99.95)),
    "a step beyond every number": Case(Screen.NORM, {"vision.w": torch.full((2, 3), 3e38)}),
    "a bound just below": Case(Screen.NORM, max_norm=5.937),
    "no samples": Case(Screen.NO_SAMPLES, samples={}),
    "no samples of one": Case(Screen.NO_SAMPLES, samples={"vision": 100, "text": 0}),
    "fewer than none": Case(Screen.NO_SAMPLES, samples={"vision": 100, "text": -1}),
    "more than a device may": Case(Screen.NO_SAMPLES, samples={"vision": MAX_SAMPLES + 1, "text": 7}),
    "samples of what is held fixed": Case(Screen.NO_SAMPLES, samples=SAMPLES | {"fusion": 3}),
    "a masked update": Case(Screen.KIND, kind="masked"),
    "no kind that there is": Case(Screen.KIND, kind="whatever"),
    "a change without samples": Case(Screen.UNTRAINED, samples={"vision": 100}),
}


def verdict(folder: Path, case: Case) -> Screened:
    path = folder / "update"
    if case.raw is None:
        tensors = {name: tensor for name, tensor in SOUND.items() if name not in case.without}
        safetensors.write(path, tensors | case.tensors)
    else:
        path.write_bytes(case.raw)
    return screen(
        path,
        expected=EXPECTED,
        trained=["vision", "text"],
        samples=case.samples,
        kind=case.kind,
        wanted_kind="plain",
        max_norm=case.max_norm,
    )


@pytest.mark.parametrize("name", CASES)
def test_what_must_not_count_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    found = verdict(tmp_path, CASES[name])
    assert found.reason is CASES[name].reason
    assert 0 < len(found.detail) <= 300
    assert not found.accepted
    assert (found.norm is not None) == (found.reason is Screen.NORM)


def test_every_reason_has_its_case() -> None:
    assert {case.reason for case in CASES.values()} == set(Screen) - {Screen.NONE}


def test_a_sound_update_is_accepted_with_the_norm_of_its_floats(tmp_path: Path) -> None:
    found = verdict(tmp_path, Case(Screen.NONE))
    assert (found.reason, found.detail) == (Screen.NONE, "")
    assert found.accepted
    assert found.norm == pytest.approx(math.sqrt(1 + 4 + 9 + 1 + 0.25 + 16 + 4 + 0.0625), rel=1e-15)


def test_who_lacks_a_modality_hands_over_the_others(tmp_path: Path) -> None:
    case = Case(Screen.NONE, without=("text.w", "text.seen"), samples={"vision": MAX_SAMPLES})
    assert verdict(tmp_path, case).accepted


def test_the_norm_is_the_same_however_it_is_cut(tmp_path: Path, monkeypatch) -> None:
    values = np.random.default_rng(0).normal(0, 1, 5000)
    safetensors.write(tmp_path / "update", {"a.x": values[:4000].astype("f4"), "a.y": values[4000:].astype("f2")})
    expected = {"a.x": ("F32", (4000,)), "a.y": ("F16", (1000,))}
    norms = []
    for block in (1 << 18, 7):
        monkeypatch.setattr(screening, "BLOCK_ELEMENTS", block)
        norms.append(
            screen(
                tmp_path / "update",
                expected=expected,
                trained={"a"},
                samples={"a": 1},
                kind="plain",
                wanted_kind="plain",
                max_norm=1e9,
            ).norm
        )
    rounded = np.concatenate([values[:4000].astype("f4").astype(float), values[4000:].astype("f2").astype(float)])
    assert norms[0] == pytest.approx(np.linalg.norm(rounded), rel=1e-12)
    assert norms[1] == pytest.approx(norms[0], rel=1e-12)


@pytest.mark.parametrize("name", CORPUS)
def test_no_file_that_the_registry_refuses_gets_through(tmp_path: Path, name: str) -> None:
    data = CORPUS[name][0]
    with pytest.raises(TensorFileError):
        safetensors.check_finite(data, safetensors.read_header(data))
    assert verdict(tmp_path, Case(Screen.MALFORMED, raw=data)).reason is not Screen.NONE


def test_a_file_that_is_gone_says_nothing_against_the_member(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        screen(
            tmp_path / "gone",
            expected=EXPECTED,
            trained=["vision"],
            samples={"vision": 1},
            kind="plain",
            wanted_kind="plain",
            max_norm=1.0,
        )


def test_a_phase_of_another_kind_needs_another_rule(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="masked"):
        screen(
            tmp_path / "update",
            expected=EXPECTED,
            trained=["vision"],
            samples={"vision": 1},
            kind="masked",
            wanted_kind="masked",
            max_norm=1.0,
        )
