"""The hash of weights is of the memory that answers: who changes a bit of it, anywhere, changes the hash."""

import gc
import os
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from muster.canon.weights import weights_sha256
from muster.shards import modules, shard
from muster.tensors.safetensors import read_header, weights, write
from tests.muster.shards.cutting import cut, inputs
from tests.muster.toy import TOY


def flip(tensor: torch.Tensor, bit: int) -> None:
    """Change one bit of a live tensor's memory."""
    flat = tensor.detach().reshape(-1).view(torch.uint8)
    flat[bit // 8] ^= 1 << bit % 8


@pytest.mark.parametrize("variant", ["full", "small", "bf16"])
def test_it_is_the_hash_of_the_file_and_of_the_librarys_reading(tmp_path: Path, variant: str) -> None:
    loaded = cut(TOY, tmp_path, 1, {"look": variant}).shards["look"]
    data = (tmp_path / "look.safetensors").read_bytes()
    assert loaded.weights_sha256() == weights_sha256(weights(data, read_header(data)))
    read = safetensors.torch.load(data)
    again = safetensors.torch.save(read)
    assert loaded.weights_sha256() == weights_sha256(weights(again, read_header(again)))


@pytest.mark.parametrize("variant", ["full", "bf16"])
def test_a_bit_flipped_in_any_live_tensor_changes_it_and_flipping_back_restores_it(
    tmp_path: Path, variant: str
) -> None:
    loaded = cut(TOY, tmp_path, 1, {"look": variant}).shards["look"]
    before = loaded.weights_sha256()
    for name, tensor in loaded.module.state_dict().items():
        for bit in (0, 8 * tensor.nbytes - 1):
            flip(tensor, bit)
            assert loaded.weights_sha256() != before, name
            flip(tensor, bit)
    assert loaded.weights_sha256() == before


def test_a_bit_flipped_in_memory_changes_the_answer_and_never_the_file(tmp_path: Path) -> None:
    made = cut(TOY, tmp_path, 1)
    path = tmp_path / "look.safetensors"
    file, given = path.read_bytes(), {"picture": inputs(TOY, "x", 2)["picture"]}
    before = made.shards["look"].run(given)["seen"]
    weight = made.shards["look"].module.get_parameter("out.weight")
    for column in range(weight.shape[1]):
        flip(weight, 32 * column + 30)  # the highest bit of an exponent; some of what they multiply is not zero
    assert not np.array_equal(made.shards["look"].run(given)["seen"], before)
    assert path.read_bytes() == file
    again = shard.load(TOY, "look", "full", path)
    assert np.array_equal(again.run(given)["seen"], before)


def test_a_bit_flipped_in_the_file_changes_the_hash_of_what_is_loaded_from_it(tmp_path: Path) -> None:
    before = cut(TOY, tmp_path, 1).shards["look"].weights_sha256()
    path = tmp_path / "look.safetensors"
    data = bytearray(path.read_bytes())
    for name, entry in read_header(data).tensors.items():
        data[entry.start] ^= 1
        path.with_name("flipped").write_bytes(data)
        assert shard.load(TOY, "look", "full", path.with_name("flipped")).weights_sha256() != before, name
        data[entry.start] ^= 1


def test_a_file_that_is_replaced_or_removed_leaves_what_was_loaded(tmp_path: Path) -> None:
    made = cut(TOY, tmp_path, 1)
    loaded, path = made.shards["look"], tmp_path / "look.safetensors"
    before, given = loaded.weights_sha256(), {"picture": inputs(TOY, "x", 2)["picture"]}
    answer = loaded.run(given)["seen"]
    write(path, modules.initial(TOY, "look", "full", 2))
    path.unlink()
    gc.collect()
    assert loaded.weights_sha256() == before
    assert np.array_equal(loaded.run(given)["seen"], answer)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="asks Linux which files are mapped")
def test_the_weights_are_the_mapped_file_and_the_mapping_goes_with_the_shard(tmp_path: Path) -> None:
    made = cut(TOY, tmp_path, 1)
    loaded = made.shards["look"]
    path = tmp_path / "look.safetensors"
    ranges = mappings(path)
    addresses = {name: tensor.data_ptr() for name, tensor in loaded.module.state_dict().items()}
    viewed = {name for name, at in addresses.items() if any(start <= at < end for start, end in ranges)}
    entries = read_header(path.read_bytes()).tensors
    assert viewed == {name for name, entry in entries.items() if entry.start % 64 == 0}
    assert {"out.weight", "conv.weight"} & viewed == {"out.weight"}  # 252 floats are no whole lines

    tensor = loaded.module.state_dict()["out.weight"]
    del loaded
    made.shards.clear()
    gc.collect()
    assert mappings(path)  # one view still lives
    del tensor
    gc.collect()
    assert not mappings(path)
    assert not any(os.path.realpath(f"/proc/self/fd/{fd}") == str(path) for fd in os.listdir("/proc/self/fd"))  # noqa: PTH208


def mappings(path: Path) -> list[tuple[int, int]]:
    """Return the address ranges at which a file is mapped into this process."""
    lines = [line for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith(str(path))]
    return [tuple(int(number, 16) for number in line.split()[0].split("-")) for line in lines]
