"""Reaches into a running process's memory, as a cosmic ray does."""

from pathlib import Path


def flip_a_bit(pid: int, data: bytes, at: int) -> None:
    """Flip one bit of the only private, writable copy of `data` in a process, `at` bytes from its beginning."""
    found = [place for start, end in _private(pid) for place in _find(pid, start, end, data)]
    assert found, "the bytes are not in the process"
    with Path(f"/proc/{pid}/mem").open("r+b", buffering=0) as memory:
        for place in found:
            memory.seek(place + at)
            memory.write(bytes([data[at] ^ 0x40]))


def _private(pid: int) -> list[tuple[int, int]]:
    places = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        addresses, rights, *_ = line.split()
        if rights == "rw-p":
            start, end = (int(address, 16) for address in addresses.split("-"))
            places.append((start, end))
    return places


def _find(pid: int, start: int, end: int, data: bytes) -> list[int]:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(start)
        try:
            held = memory.read(end - start)
        except OSError:  # a mapping behind the end of its file
            return []
    at, found = held.find(data), []
    while at >= 0:
        found.append(start + at)
        at = held.find(data, at + 1)
    return found
