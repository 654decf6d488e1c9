"""A cosmic ray: flips one bit of a tensor in the memory of a running process."""

import re
from pathlib import Path

SLICE_BYTES = 64


def flip_bit(process: int, artifact: Path) -> None:
    """Flip one bit wherever a piece of `artifact`'s tensors lies in the private memory of `process`."""
    piece = _piece(artifact.read_bytes())
    flipped = 0
    with Path(f"/proc/{process}/mem").open("r+b", buffering=0) as memory:
        for start, end in _private_maps(process):
            flipped += sum(_flip(memory, start + place) for place in _places(memory, start, end, piece))
    assert flipped, "the tensors were not found in the process's memory"


def _piece(data: bytes) -> bytes:
    """Return a piece from the middle of the tensors that is no row of zeros."""
    header = 8 + int.from_bytes(data[:8], "little")
    middle = header + (len(data) - header) // 2 // 4 * 4
    piece = data[middle : middle + SLICE_BYTES]
    assert len(set(piece)) > 4, "a piece that says nothing would be found everywhere"
    return piece


def _private_maps(process: int) -> list[tuple[int, int]]:
    found = []
    for line in Path(f"/proc/{process}/maps").read_text().splitlines():
        match = re.match(r"([0-9a-f]+)-([0-9a-f]+) r..p ", line)
        if match and "[v" not in line:  # vvar, vdso and vsyscall cannot be read
            found.append((int(match[1], 16), int(match[2], 16)))
    return found


def _places(memory, start: int, end: int, piece: bytes) -> list[int]:
    memory.seek(start)
    try:
        data = memory.read(end - start)
    except OSError:  # a guard page
        return []
    return [match.start() for match in re.finditer(re.escape(piece), data)]


def _flip(memory, address: int) -> int:
    memory.seek(address)
    [byte] = memory.read(1)
    memory.seek(address)
    memory.write(bytes([byte ^ 1]))
    return 1
