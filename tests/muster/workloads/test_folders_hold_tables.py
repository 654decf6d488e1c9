"""`.csv` files as samples, and what is said about rows that do not fit."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster.workloads import catalogue
from muster.workloads.declaration import Dataset, Source
from muster.workloads.eldercare import notes
from muster.workloads.folders import FolderError, parts

DIGITS, ELDERCARE = catalogue.get("digits"), catalogue.get("eldercare")

PIXELS = ",".join(f"image_{index}" for index in range(64))
ROW = ",".join("0.5" for _ in range(64))


def digits(folder: Path, text: str | bytes) -> Dataset:
    (folder / "own.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return DIGITS.data(Source(seed=1, folder=folder))


def eldercare(folder: Path, text: str) -> Dataset:
    (folder / "own.csv").write_text(text)
    return ELDERCARE.data(Source(seed=1, folder=folder))


def test_numbers_stand_in_row_major_order(tmp_path: Path) -> None:
    values = np.random.default_rng(1).random((3, 64))
    rows = "\n".join(",".join(map(repr, row.tolist())) for row in values)
    data = digits(tmp_path, f"{PIXELS}\n{rows}\n")
    assert np.array_equal(data.inputs["image"], values.astype(np.float32).reshape(3, 1, 8, 8))
    assert data.labels.tolist() == [-1, -1, -1]


def test_columns_are_found_by_name_in_any_order(tmp_path: Path) -> None:
    header = ",".join(reversed(PIXELS.split(",")))
    data = digits(tmp_path, f"label,{header}\n7,{','.join(str(value) for value in range(64))}\n")
    assert data.inputs["image"].ravel().tolist() == list(reversed(range(64)))
    assert data.labels.tolist() == [7]


def test_what_a_spreadsheet_writes_is_read(tmp_path: Path) -> None:
    text = f'{PIXELS},label\r\n{ROW},"3"\r\n\r\n{ROW},\r\n'
    assert digits(tmp_path, b"\xef\xbb\xbf" + text.encode()).labels.tolist() == [3, -1]


def test_notes_are_text_and_go_through_the_tokenizer(tmp_path: Path) -> None:
    data = eldercare(tmp_path, 'note,label\n"She fell, today",fall\n,resting\nheard a bang,5\n')
    assert data.inputs["note"].tolist() == [notes.encode("she fell today"), [0] * 12, notes.encode("heard a bang")]
    assert data.labels.tolist() == [5, 3, 5]
    assert data.present["text"].tolist() == [True, False, True]
    assert not data.present["motion"].any()


def test_notes_may_be_ids_instead(tmp_path: Path) -> None:
    header = ",".join(f"note_{index}" for index in range(12))
    assert eldercare(tmp_path, f"{header}\n{','.join('4' * 12)}\n").inputs["note"].tolist() == [[4] * 12]


def test_an_input_without_values_in_a_row_is_absent_there(tmp_path: Path) -> None:
    header = ",".join(f"motion_{index}" for index in range(192))
    data = eldercare(tmp_path, f"{header},note\n{','.join('1' * 192)},\n{',' * 191},she fell\n")
    assert data.present["motion"].tolist() == [True, False]
    assert data.present["text"].tolist() == [False, True]


WRONG = {
    "no header": ("", "the header names no input; columns are image_0 … image_63, label"),
    "no row": (f"{PIXELS}\n", "the files hold no sample"),
    "labels alone": ("label\n3\n", "the header names no input"),
    "an invented column": (f"{PIXELS},when\n{ROW},today\n", "there is no column 'when'; columns are image_0"),
    "a lacking column": (f"{PIXELS.removesuffix(',image_63')}\n", "the header lacks image_63; image needs 64 columns"),
    "a column twice": (f"{PIXELS},image_0\n", "the header has 'image_0' twice"),
    "a short row": (f"{PIXELS}\n{ROW}\n1,2\n", "row 3: it has 2 cells under a header of 64"),
    "a word": (f"{PIXELS}\nbright{ROW[3:]}\n", "row 2: image_0 holds 'bright', which is no number"),
    "a hole": (f"{PIXELS}\n{ROW[3:]}\n", "row 2: image_0 holds '', which is no number"),
    "not a number": (f"{PIXELS}\n{ROW}\nnan{ROW[3:]}\n", "row 3: image holds nan, which is no finite number"),
    "too large": (f"{PIXELS}\n1e300{ROW[3:]}\n", "row 2: image_0 holds 1e300, which is too large"),
    "infinite": (f"{PIXELS}\n-inf{ROW[3:]}\n", "row 2: image_0 holds -inf, which is too large"),
    "another class": (f"{PIXELS},label\n{ROW},ten\n", "row 2: there is no class 'ten'; classes are 0, 1"),
    "a class too high": (f"{PIXELS},label\n{ROW},10\n", "row 2: there is no class '10'"),
    "semicolons": (f"{PIXELS};label\n".replace(",", ";"), "there is no column 'image_0;image_1"),
    "an open quote": (f'{PIXELS}\n"{ROW}\n', "cannot be read: Error: unexpected end of data"),
    "another encoding": (f"{PIXELS}\n{ROW}\n".encode("utf-16"), "cannot be read: UnicodeDecodeError"),
    "a cell without end": (f"{PIXELS},label\n{ROW},{'9' * 200_000}\n", "cannot be read: Error: field larger than"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_named_with_its_row(tmp_path: Path, case: str) -> None:
    text, message = WRONG[case]
    with pytest.raises(FolderError, match=message) as caught:
        digits(tmp_path, text)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [("83", "row 2: note holds 83"), ("-1", "row 2: note holds -1"), ("1.5", "no number"), ("9" * 5000, "no number")],
)
def test_ids_must_be_words(tmp_path: Path, value: str, message: str) -> None:
    header = ",".join(f"note_{index}" for index in range(12))
    with pytest.raises(FolderError, match=message):
        eldercare(tmp_path, f"{header}\n{','.join([value] * 12)}\n")


def test_more_rows_than_the_limit_are_refused_as_they_come(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(parts, "MAX_SAMPLES", 3)
    with pytest.raises(FolderError, match="row 5: 4 samples are more than 3, the limit"):
        eldercare(tmp_path, "note\n" + "she fell\n" * 9)


def test_more_memory_than_the_limit_is_refused_as_it_comes(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(parts, "MAX_BYTES", 600)
    with pytest.raises(FolderError, match=r"row 4: .* MiB in memory are more than"):
        digits(tmp_path, f"{PIXELS}\n" + f"{ROW}\n" * 5)


@settings(deadline=None)  # the first call pays for imports
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_read_or_refused_by_name(tmp_path_factory: pytest.TempPathFactory, header: str, rest: str) -> None:
    folder = tmp_path_factory.mktemp("own")
    with pytest.raises(FolderError, match=r"own\.csv"):
        digits(folder, f"{header}\n{rest}".encode("utf-8", "surrogatepass"))
    (folder / "own.csv").write_bytes(f"note,label\n{rest}".encode("utf-8", "surrogatepass"))
    try:
        data = ELDERCARE.data(Source(seed=1, folder=folder))
        assert set(data.labels.tolist()) <= set(range(-1, 6))
    except FolderError as error:
        assert str(folder) in str(error)
