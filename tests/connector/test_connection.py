"""A connection to holders that misbehave, over real sockets: each time a failure, soon, and never a hang."""

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import zstandard
from doors import Background, failure

from connector.failures import Cancel, Cancelled
from connector.transfer import answer, stream
from connector.transfer.client import Connection
from connector.transfer.holders import HolderFailed
from connector.transfer.wire import Wire
from contracts.events.to_pods import Holder
from contracts.manifest import Disk
from harness.certificates import TestAuthority

SIZE = 500_000
CONTENT = os.urandom(SIZE // 2) + bytes(SIZE - SIZE // 2)
DISK = Disk(role="os", lun=0, format="raw", size=SIZE, virtual_size=SIZE, root="a" * 64, sha256="b" * 64)
Line = socket.socket
Script = Callable[[Line], None]


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds takes tenths of them."""
    for module, name, value in (
        (stream, "CONNECT", 1.0),
        (stream, "SILENCE", 0.5),
        (answer, "SILENCE", 0.5),
        (answer, "PATIENCE", 0.5),
        (answer, "SLOWEST", 100_000),
    ):
        monkeypatch.setattr(module, name, value)


class Liar:
    """A holder that does as its script says, once for each connection, after it has read a request."""

    def __init__(self, script: Script, context: ssl.SSLContext | None, *, hears: bool = True) -> None:
        self._script = script
        self._context = context
        self._hears = hears
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._lines: list[Line] = []
        self.connections = 0
        self.requests: list[bytes] = []
        scheme = "https" if context else "http"
        self.holder = Holder(pod="pod-1", address=f"{scheme}://127.0.0.1:{self._listening.getsockname()[1]}")
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listening.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: Line) -> None:
        line.settimeout(10)
        with suppress(OSError):
            if self._context is not None:
                line = self._context.wrap_socket(line, server_side=True)
            self._lines.append(line)
            if self._hears:
                self.hear(line)
            self._script(line)
            line.close()

    def hear(self, line: Line) -> None:
        """Wait for a request."""
        request = b""
        while b"\r\n\r\n" not in request:
            piece = line.recv(4096)
            if not piece:
                raise ConnectionError
            request += piece
        self.requests.append(request)

    def close(self) -> None:
        self._listening.close()
        for line in self._lines:
            line.close()


class House:
    """Liars and connections to them, with TLS or without."""

    def __init__(self, authority: TestAuthority | None) -> None:
        self.authority = authority

    @contextmanager
    def liar(self, script: Script) -> Iterator[Liar]:
        found = Liar(script, self.authority.identity("pod-1").server() if self.authority else None)
        try:
            yield found
        finally:
            found.close()

    def connection(self, stop: Cancel | None = None, wire: str = "plain") -> Connection:
        identity = self.authority.identity("pod-2") if self.authority else None
        return Connection(lambda: "ticket", stop or Cancel(), identity, Wire(wire))  # type: ignore[arg-type]


@pytest.fixture(params=["plain", "tls"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    return House(TestAuthority(tmp_path / "ca") if request.param == "tls" else None)


def head(
    length: object = SIZE,
    status: str = "206 Partial Content",
    range: str = f"bytes 0-{SIZE - 1}/{SIZE}",
    more: str = "",
) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\nContent-Range: {range}\r\n{more}\r\n".encode()


def says(*parts: bytes) -> Script:
    """Says this, then hangs up."""

    def script(line: Line) -> None:
        for part in parts:
            line.sendall(part)

    return script


def then_silence(*parts: bytes) -> Script:
    def script(line: Line) -> None:
        says(*parts)(line)
        line.recv(1)

    return script


def drips(first: bytes, drop: bytes, pause: float = 0.05) -> Script:
    """Says something, and then a little more again and again, never silent for long."""

    def script(line: Line) -> None:
        line.sendall(first)
        for _ in range(400):
            line.sendall(drop)
            time.sleep(pause)

    return script


def endless(line: Line) -> None:
    line.sendall(b"HTTP/1.1 206 Partial Content\r\n")
    for n in range(1_000_000):
        line.sendall(b"X-%d: %s\r\n" % (n, b"y" * 50))


def resets(line: Line) -> None:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


REFUSED, PASSING = ("source_refused", False), ("source_unreachable", True)
LIES: dict[str, tuple[Script, tuple[str, bool]]] = {
    "hangs up at once": (says(), PASSING),
    "resets": (resets, PASSING),
    "says nothing": (then_silence(), PASSING),
    "stops in the head": (then_silence(b"HTTP/1.1 206 Par"), PASSING),
    "hangs up in the head": (says(b"HTTP/1.1 206 Partial Content\r\nContent-Le"), PASSING),
    "drips a head": (drips(b"HTTP/1.1 206 Partial Content\r\n", b"X"), PASSING),
    "a head without end": (endless, PASSING),
    "not HTTP": (says(b"\0\1\2 what?\r\n\r\n"), PASSING),
    "HTTP of another time": (says(b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n"), PASSING),
    "a header that is none": (says(head(more="what is this\r\n")), PASSING),
    "two lengths": (says(head(more="Content-Length: 1\r\n")), PASSING),
    "no length": (says(b"HTTP/1.1 206 Partial Content\r\n\r\n" + CONTENT), PASSING),
    "a length that is no number": (says(head("many")), PASSING),
    "a negative length": (says(head(-1)), PASSING),
    "chunks": (says(head(more="Transfer-Encoding: chunked\r\n"), b"5\r\nhello\r\n0\r\n\r\n"), PASSING),
    "an interim answer": (says(b"HTTP/1.1 100 Continue\r\n\r\n", head(), CONTENT), PASSING),
    "a redirect": (says(head(0, "302 Found", more="Location: http://elsewhere/\r\n")), REFUSED),
    "a whole file": (says(head(SIZE, "200 OK"), CONTENT), REFUSED),
    "no such disk": (says(head(0, "404 Not Found")), REFUSED),
    "out of order": (says(head(0, "500 Internal Server Error")), REFUSED),
    "too busy": (says(head(0, "503 Service Unavailable")), PASSING),
    "not yet": (says(head(0, "425 Too Early")), ("not_yet", True)),
    "another range": (says(head(range=f"bytes 1-{SIZE}/{SIZE}"), CONTENT), REFUSED),
    "a range of another file": (says(head(range=f"bytes 0-{SIZE - 1}/{SIZE + 1}"), CONTENT), REFUSED),
    "no range": (says(head(range=""), CONTENT), REFUSED),
    "too short a length": (says(head(SIZE - 1), CONTENT), REFUSED),
    "too great a length": (says(head(SIZE + 1), CONTENT, b"x"), REFUSED),
    "less than announced": (says(head(), CONTENT[:-1]), PASSING),
    "silence in the midst": (then_silence(head(), CONTENT[:100_000]), PASSING),
    "a drip of bytes": (drips(head(), b"x" * 10), PASSING),
    "zstd unasked": (says(head(more="Imprint-Wire: zstd\r\n"), CONTENT), REFUSED),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_holder_that_does_not_serve_is_a_failure_soon(lie: str, house: House) -> None:
    script, expected = LIES[lie]
    view = memoryview(bytearray(SIZE))
    with house.liar(script) as liar, closing(house.connection()) as connection:
        asked = Background(lambda: connection.range(liar.holder, DISK, 0, view)).join()
    assert asked.error is None
    got, error = asked.result  # type: ignore[misc]
    assert (error.code, error.passing) == expected, error.text
    assert bytes(view[:got]) in (CONTENT[:got], b"x" * got), "what came is what was sent"
    assert got < SIZE
    assert liar.connections == 1, "and it was asked once"


@pytest.mark.parametrize(
    "lie", ["no length", "says nothing", "less than announced", "another range", "a drip of bytes"]
)
def test_an_index_and_a_bitmap_are_asked_for_as_carefully(lie: str, house: House) -> None:
    with house.liar(LIES[lie][0]) as liar, closing(house.connection()) as connection:
        view = memoryview(bytearray(SIZE))
        asked = Background(lambda: connection.index(liar.holder, DISK, 0, view)).join()
        assert isinstance(failure(asked.result), HolderFailed)  # type: ignore[arg-type]
        asked = Background(lambda: connection.holding(liar.holder, DISK)).join()
        assert isinstance(asked.error, HolderFailed)


def test_bytes_after_the_answer_cost_the_connection_and_nothing_else(house: House) -> None:
    view = memoryview(bytearray(SIZE))
    with house.liar(says(head(), CONTENT, b"and more")) as liar, closing(house.connection()) as connection:
        for _ in range(2):
            assert connection.range(liar.holder, DISK, 0, view) == (SIZE, None)
            assert view == CONTENT
    assert liar.connections == 2


def test_a_kept_connection_that_was_closed_meanwhile_is_made_anew(house: House) -> None:
    view = memoryview(bytearray(SIZE))
    with house.liar(says(head(), CONTENT)) as liar, closing(house.connection()) as connection:
        for _ in range(3):
            assert connection.range(liar.holder, DISK, 0, view) == (SIZE, None)
    assert liar.connections == 3


def test_the_request_names_ticket_range_and_wire_and_nothing_else(house: House) -> None:
    with house.liar(says(head(), CONTENT)) as liar, closing(house.connection(wire="zstd")) as connection:
        assert connection.range(liar.holder, DISK, 0, memoryview(bytearray(SIZE))) == (SIZE, None)
    first, *lines = liar.requests[0].decode().strip().split("\r\n")
    assert first == f"GET /v1/disks/{'a' * 64}/data HTTP/1.1"
    assert sorted(lines) == [
        "Authorization: Bearer ticket",
        "Host: pod-1.imprint.internal",
        "Imprint-Wire: zstd",
        f"Range: bytes=0-{SIZE - 1}",
    ]


# --- zstd ---


def zstd(packed: bytes, length: int | None = None) -> Script:
    return says(head(len(packed) if length is None else length, more="Imprint-Wire: zstd\r\n"), packed)


def pack(data: bytes, **more: object) -> bytes:
    return zstandard.ZstdCompressor(level=1, **more).compress(data)  # type: ignore[arg-type]


BOMB = pack(bytes(1 << 30))
HUGE_WINDOW = zstandard.ZstdCompressor(
    compression_params=zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
).compressobj()
WIDE = HUGE_WINDOW.compress(CONTENT) + HUGE_WINDOW.flush()

PACKED: dict[str, tuple[Script, tuple[str, bool]]] = {
    "a bomb": (zstd(BOMB), REFUSED),
    "one byte too many": (zstd(pack(CONTENT + b"x")), REFUSED),
    "one byte too few": (zstd(pack(CONTENT[:-1])), REFUSED),
    "nothing": (zstd(pack(b"")), REFUSED),
    "no body": (zstd(b""), REFUSED),
    "no zstd": (zstd(CONTENT[:1000]), REFUSED),
    "bytes after the frame": (zstd(pack(CONTENT) + b"more"), REFUSED),
    "a second frame": (zstd(pack(CONTENT) + pack(b"more")), REFUSED),
    "a frame cut short": (zstd(pack(CONTENT)[:-9]), REFUSED),
    "a body cut short": (zstd(pack(CONTENT)[:-9], len(pack(CONTENT))), PASSING),
    "a window of 128 MiB": (zstd(WIDE), REFUSED),
    "longer than plain": (zstd(pack(os.urandom(SIZE)) + bytes(100)), REFUSED),
    "silence": (then_silence(head(1000, more="Imprint-Wire: zstd\r\n"), pack(CONTENT)[:999]), PASSING),
    "another form": (says(head(more="Imprint-Wire: br\r\n"), CONTENT), REFUSED),
}


@pytest.mark.parametrize("lie", PACKED)
def test_a_body_that_does_not_unpack_to_the_range_is_refused(lie: str, house: House) -> None:
    script, expected = PACKED[lie]
    memory = bytearray(SIZE + 100)
    view = memoryview(memory)[:SIZE]
    with house.liar(script) as liar, closing(house.connection(wire="zstd")) as connection:
        asked = Background(lambda: connection.range(liar.holder, DISK, 0, view)).join()
    got, error = asked.result  # type: ignore[misc]
    assert error is not None
    assert (error.code, error.passing) == expected, error.text
    assert memory[SIZE:] == bytes(100), "nothing is written beyond the range"
    assert lie == "a bomb" or bytes(view[:got]) == CONTENT[:got]


def test_a_good_body_of_zstd_comes_plain_and_its_length_is_told(house: House) -> None:
    packed = pack(CONTENT)
    view = memoryview(bytearray(SIZE))
    with house.liar(zstd(packed)) as liar, closing(house.connection(wire="zstd")) as connection:
        assert connection.range(liar.holder, DISK, 0, view) == (SIZE, None)
        assert connection.received == len(packed)
    assert view == CONTENT


# --- interruption ---


def interrupted(connection: Connection, call: Callable[[], object], when: Callable[[], bool]) -> Background:
    asked = Background(call)
    while not when():
        time.sleep(0.01)
    connection.interrupt()
    return asked.join()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """So long that a test would notice if it were waited for."""
    for module, name in ((stream, "CONNECT"), (stream, "SILENCE"), (answer, "SILENCE"), (answer, "PATIENCE")):
        monkeypatch.setattr(module, name, 1000.0)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 2", head(), head() + CONTENT[:1000]])
@pytest.mark.parametrize("cancelled", [True, False])
def test_a_read_can_be_interrupted_wherever_it_is(house: House, sent: bytes, cancelled: bool) -> None:
    stop = Cancel()
    view = memoryview(bytearray(SIZE))
    with house.liar(then_silence(sent)) as liar, closing(house.connection(stop)) as connection:

        def ready() -> bool:
            if liar.requests and cancelled:
                stop.set()
            return bool(liar.requests)

        asked = interrupted(connection, lambda: connection.range(liar.holder, DISK, 0, view), ready)
    if cancelled:
        assert isinstance(asked.error, Cancelled)
    else:
        assert failure(asked.result).code == "source_unreachable"  # type: ignore[arg-type]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("cancelled", [True, False])
def test_a_handshake_can_be_interrupted(tmp_path: Path, cancelled: bool) -> None:
    stop = Cancel()
    connection = House(TestAuthority(tmp_path / "ca")).connection(stop)
    silent = Liar(lambda line: line.recv(1 << 20) and time.sleep(20), None, hears=False)  # type: ignore[func-returns-value]
    holder = Holder(pod="pod-1", address=silent.holder.address.replace("http", "https"))

    def ready() -> bool:
        if silent.connections and cancelled:
            stop.set()
        return bool(silent.connections)

    try:
        with closing(connection):
            view = memoryview(bytearray(9))
            asked = interrupted(connection, lambda: connection.range(holder, DISK, 0, view), ready)
    finally:
        silent.close()
    if cancelled:
        assert isinstance(asked.error, Cancelled)
    else:
        assert failure(asked.result).code == "source_unreachable"  # type: ignore[arg-type]


def test_a_handshake_that_does_not_end_is_a_failure_soon(tmp_path: Path) -> None:
    connection = House(TestAuthority(tmp_path / "ca")).connection()
    silent = Liar(drips(b"", b"\x16"), None, hears=False)
    holder = Holder(pod="pod-1", address=silent.holder.address.replace("http", "https"))
    try:
        with closing(connection):
            asked = Background(lambda: connection.range(holder, DISK, 0, memoryview(bytearray(9)))).join()
    finally:
        silent.close()
    assert failure(asked.result).code == "source_unreachable"  # type: ignore[arg-type]


@contextmanager
def deaf() -> Iterator[Holder]:
    """A holder whose queue of connections is full, so that none comes about."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for line in waiting:
            line.settimeout(0)
            line.connect_ex(address)
        try:
            yield Holder(pod="pod-1", address=f"http://127.0.0.1:{address[1]}")
        finally:
            for line in waiting:
                line.close()


@pytest.mark.usefixtures("patient")
def test_a_connection_that_does_not_come_about_can_be_interrupted() -> None:
    with deaf() as holder, closing(House(None).connection()) as connection:
        view = memoryview(bytearray(9))
        asked = interrupted(
            connection, lambda: connection.range(holder, DISK, 0, view), lambda: connection._stream is not None
        )
        assert failure(asked.result).code == "source_unreachable"  # type: ignore[arg-type]


def test_a_connection_that_does_not_come_about_is_a_failure_soon() -> None:
    with deaf() as holder, closing(House(None).connection()) as connection:
        asked = Background(lambda: connection.range(holder, DISK, 0, memoryview(bytearray(9)))).join()
    error = failure(asked.result)  # type: ignore[arg-type]
    assert (error.code, error.passing) == PASSING


def test_a_name_service_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    real = socket.getaddrinfo

    def slow(host: str, *args: object, flags: int = 0, **more: object) -> object:
        if flags & socket.AI_NUMERICHOST:
            return real(host, *args, flags=flags, **more)  # type: ignore[arg-type]
        over.wait(30)
        raise socket.gaierror(-3, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    holder = Holder(pod="pod-1", address="http://pod-1.example:1")
    try:
        with closing(House(None).connection()) as connection:
            asked = Background(lambda: connection.range(holder, DISK, 0, memoryview(bytearray(9)))).join()
            assert failure(asked.result).code == "source_unreachable"  # type: ignore[arg-type]
            stop = Cancel()
            connection = House(None).connection(stop)
            monkeypatch.setattr(stream, "CONNECT", 1000.0)
            asking = Background(lambda: connection.range(holder, DISK, 0, memoryview(bytearray(9))))
            stop.set()
            assert isinstance(asking.join().error, Cancelled)
    finally:
        over.set()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ftp://h:1",
        "http://",
        "http://h",
        "http://h:1/path",
        "http://u:p@h:1",
        "http://h:99999",
        "h:1",
        "https://h:1",
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with closing(House(None).connection()) as connection:
        asked = connection.range(Holder(pod="pod-1", address=address), DISK, 0, memoryview(bytearray(9)))
    assert failure(asked).code == "source_refused"


def test_a_throttle_is_asked_for_every_byte_that_came(house: House) -> None:
    class Counting:
        taken = 0

        def take(self, size: int, stop: Cancel) -> None:
            self.taken += size

    throttle = Counting()
    packed = pack(CONTENT)
    with house.liar(zstd(packed)) as liar, closing(house.connection(wire="zstd")) as connection:
        view = memoryview(bytearray(SIZE))
        assert connection.range(liar.holder, DISK, 0, view, throttle) == (SIZE, None)
    assert throttle.taken == len(packed)


def test_a_stop_while_a_throttle_waits_leaves_no_half_read_connection(house: House) -> None:
    stop = Cancel()

    class Stopping:
        def take(self, size: int, stop: Cancel) -> None:
            stop.set()
            stop.check()

    with house.liar(then_silence(head(), CONTENT)) as liar, closing(house.connection(stop)) as connection:
        with pytest.raises(Cancelled):
            connection.range(liar.holder, DISK, 0, memoryview(bytearray(SIZE)), Stopping())
        assert connection._stream is None
