"""A holder that lies, breaks off or falls silent: a proxy before a pod's real door."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from pods import Pod

from connector.transfer.parts import HEADER


@dataclass
class Behaviour:
    flip: int | None = None
    """Flip a bit of this chunk of each range."""
    flip_index: bool = False
    length: int = 0
    """Added to the length that is announced."""
    shift: int = 0
    """Added to the offset that is served, and said to be."""
    status: int | None = None
    stop_after: int | None = None
    """Bytes of disks served in all, before every answer breaks off."""
    pace: int | None = None
    """Bytes of disks a second that each answer is sent at."""
    garbage: bool = False
    old: bool = False
    """It knows nothing of several ranges in one request."""
    cut: int | None = None
    """Bytes after which an answer, of whatever kind, breaks off."""
    script: list["Behaviour"] = field(default_factory=list)
    """How it behaves for the next requests, one for each; after them as the other fields say."""
    silent: threading.Event | None = None
    """Set when the first range is asked for, which then gets no answer."""


@contextmanager
def misbehaving(pod: Pod, usual: Behaviour) -> Iterator[str]:
    """The address of a holder in front of ``pod`` that behaves as told."""
    over, guard = threading.Event(), threading.Lock()
    left = [usual.stop_after]
    script = list(usual.script)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            return

        def do_GET(self) -> None:
            with suppress(ConnectionError):
                self.answer()

        def answer(self) -> None:
            with guard:
                behaviour = script.pop(0) if script else usual
            ranged = self.path.endswith("/data")
            if behaviour.garbage:
                self.wfile.write(b"\0\1\2 what?\r\n\r\n")
                self.close_connection = True
                return
            if behaviour.status is not None:
                self.send_response(behaviour.status)
                self.send_header("Content-Length", "0")
                self.send_header("Location", pod.address + self.path)
                self.end_headers()
                return
            if ranged and behaviour.silent is not None:
                behaviour.silent.set()
                over.wait(30)
                return
            status, headers, body = self.ask(behaviour)
            data = bytearray(body)
            if ranged and behaviour.flip is not None:
                data[min(behaviour.flip * 65536, len(data) - 1)] ^= 1
            if not ranged and behaviour.flip_index:
                data[-1] ^= 1
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in ("content-length", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data) + (behaviour.length if ranged else 0)))
            self.end_headers()
            if ranged and left[0] is not None:
                some = min(left[0], len(data))
                left[0] -= some
                self.wfile.write(data[:some])
                if some < len(data):
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                return
            if behaviour.cut is not None:
                self.wfile.write(data[: behaviour.cut])
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send(bytes(data), behaviour.pace if ranged else None)

        def send(self, data: bytes, pace: int | None) -> None:
            step = len(data) or 1 if pace is None else pace // 20
            for at in range(0, len(data), step):
                if pace is not None and over.wait(0.05):
                    return
                self.wfile.write(data[at : at + step])

        def ask(self, behaviour: Behaviour) -> tuple[int, list[tuple[str, str]], bytes]:
            """What the real door answers."""
            parts = urlsplit(pod.address)
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
            headers = {"Authorization": self.headers["Authorization"]}
            if "Range" in self.headers:
                first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
                headers["Range"] = f"bytes={first}-{last}"
                if behaviour.shift and self.path.endswith("/data"):
                    headers["Range"] = f"bytes={behaviour.shift}-{int(last)}"
            if HEADER in self.headers and not behaviour.old:
                headers[HEADER] = self.headers[HEADER]
            connection.request("GET", self.path, headers=headers)
            response = connection.getresponse()
            answer = response.status, response.getheaders(), response.read()
            connection.close()
            return answer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()
