"""A line to a port of this machine that carries so many bytes a second and counts them."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PIECE_BYTES = 64 * 1024


class SlowLine:
    """Forwards connections; `carried` counts the bytes that came from the far end, `brought` those that went there."""

    def __init__(self, target_port: int, bytes_a_second: int) -> None:
        self.carried = self.brought = 0
        self._target_port = target_port
        self._pause_s = PIECE_BYTES / bytes_a_second
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = [self._listener]

    def serve(self) -> None:
        """Accept until closed."""
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target_port))
            self._sockets += [near, far]
            threading.Thread(target=self._pump, args=(near, far, "brought"), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, "carried"), daemon=True).start()

    def close(self) -> None:
        for held in self._sockets:
            with suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)
            held.close()

    def _pump(self, source: socket.socket, sink: socket.socket, counter: str) -> None:
        with suppress(OSError):
            while data := source.recv(PIECE_BYTES):
                setattr(self, counter, getattr(self, counter) + len(data))
                time.sleep(self._pause_s * len(data) / PIECE_BYTES)
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def slow_line(target_port: int, *, bytes_a_second: int) -> Iterator[SlowLine]:
    """Forward for the length of the block."""
    line = SlowLine(target_port, bytes_a_second)
    thread = threading.Thread(target=line.serve, daemon=True)
    thread.start()
    try:
        yield line
    finally:
        line.close()
        thread.join(5)
