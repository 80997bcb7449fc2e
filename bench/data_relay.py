"""``python -m bench.data_relay PORT``: a relay in front of a door that counts the bytes it passes on, both ways.

It says its own port, and for each line on stdin what it has counted since the line before. The bytes go from socket to
socket inside the kernel, so that the relay costs little beside what it stands before.
"""

import json
import os
import socket
import sys
import threading

PIECE = 1024 * 1024


class Relay:
    """``counted`` is [bytes to the door, bytes from the door]."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._lock = threading.Lock()
        self.counted = [0, 0]
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def take(self) -> list[int]:
        """What was counted since the last time."""
        with self._lock:
            counted, self.counted = self.counted, [0, 0]
        return counted

    def _accept(self) -> None:
        while True:
            near, _ = self._listening.accept()
            far = socket.create_connection(("127.0.0.1", self._port))
            for way, source, target in ((0, near, far), (1, far, near)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass, args=(way, source, target), daemon=True).start()

    def _pass(self, way: int, source: socket.socket, target: socket.socket) -> None:
        drain, fill = os.pipe()
        try:
            while some := os.splice(source.fileno(), fill, PIECE):
                with self._lock:
                    self.counted[way] += some
                while some:
                    some -= os.splice(drain, target.fileno(), some)
        except OSError:
            pass  # one side left, as it may
        finally:
            os.close(drain)
            os.close(fill)
            for end, how in ((target, socket.SHUT_WR), (source, socket.SHUT_RD)):
                try:
                    end.shutdown(how)
                except OSError:
                    continue  # it is closed by now


def main() -> None:
    """Relay until stdin ends."""
    relay = Relay(int(sys.argv[1]))
    print(json.dumps({"port": relay.port}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(relay.take()), flush=True)


if __name__ == "__main__":
    main()
