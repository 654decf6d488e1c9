"""Logs do not fill the disk."""

from pathlib import Path

from config.supervisor.logs import cut, open_log


def test_a_large_log_is_copied_aside_and_its_writer_goes_on(tmp_path: Path) -> None:
    with open_log(tmp_path, "web") as log:
        log.write(b"x" * 100)
        log.flush()
        cut(tmp_path, limit_bytes=50)
        log.write(b"next")
        log.flush()

        assert (tmp_path / "web.log").read_bytes() == b"next"
        assert (tmp_path / "web.log.1").read_bytes() == b"x" * 100


def test_a_small_log_stays(tmp_path: Path) -> None:
    with open_log(tmp_path, "web") as log:
        log.write(b"x")
    cut(tmp_path, limit_bytes=50)

    assert [path.name for path in tmp_path.iterdir()] == ["web.log"]
