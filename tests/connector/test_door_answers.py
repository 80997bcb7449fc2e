"""What a door answers: ranges of disks and indexes, what it holds of one that is on its way, zstd, limits, routes."""

import asyncio
import hashlib
import http.client
import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import structlog
from aiohttp import web
from doors import INDEX, Site, failure, site
from pods import Hub

from connector.transfer import press, sending
from connector.transfer.client import Connection
from connector.transfer.entry import Denied, ticket_of
from connector.transfer.holders import HolderFailed
from connector.transfer.server import Route
from connector.transfer.shelf import SPAN_BYTES, Opened, Shelves
from connector.transfer.throttle import Throttle
from connector.transfer.wire import Wire
from contracts.manifest import Disk
from harness.certificates import TestAuthority

MIB = 1024 * 1024
WORDS = b"".join(hashlib.sha256(b"%d" % (n // 4)).hexdigest().encode() for n in range(40_000))
"""Some 2.5 MB that shrink."""
Sites = Callable[..., Site]


@pytest.fixture(params=["plain", "tls"])
def sites(request: pytest.FixtureRequest, tmp_path: Path, hub: Hub) -> Iterator[Sites]:
    """Makes sites, with and without TLS."""
    authority = TestAuthority(tmp_path / "ca") if request.param == "tls" else None
    with ExitStack() as stack:

        def make(**more: object) -> Site:
            folder = tmp_path / f"shelf-{os.urandom(4).hex()}"
            folder.mkdir()
            found = site(folder, hub, authority, **more)  # type: ignore[arg-type]
            stack.callback(found.door.close)
            return found

        yield make


@pytest.fixture
def there(sites: Sites) -> Site:
    return sites()


def get(there: Site, disk: Disk, offset: int, size: int, **more: object) -> tuple[bytes, Connection]:
    """A range that must come whole, and the connection it came over."""
    view = memoryview(bytearray(size))
    connection = there.connection(disk, **more)  # type: ignore[arg-type]
    with closing(connection):
        assert connection.range(there.holder, disk, offset, view) == (size, None)
    return bytes(view), connection


@pytest.mark.parametrize(("offset", "size"), [(0, 1), (0, 8 * MIB), (12345, 3 * MIB + 7), (9 * MIB, 5)])
def test_a_range_comes_as_it_is_in_the_file(there: Site, offset: int, size: int) -> None:
    content = os.urandom(9 * MIB + 5)
    body, connection = get(there, there.shelf.add(content), offset, size)
    assert body == content[offset : offset + size]
    assert connection.received == size


def test_ranges_of_the_index_are_served(there: Site) -> None:
    disk = there.shelf.add(b"x" * 100)
    with closing(there.connection(disk)) as connection:
        view = memoryview(bytearray(1000))
        assert connection.index(there.holder, disk, 40, view) == (1000, None)
        assert bytes(view) == INDEX[40:1040]
        assert connection.received == 1000
        beyond = failure(connection.index(there.holder, disk, len(INDEX) - 10, view))
        assert beyond.code == "source_refused"
        assert "416" in beyond.text


def test_who_has_everything_says_so_and_who_has_not_says_what(there: Site) -> None:
    whole, part = there.shelf.add(b"a" * 100), there.shelf.add(bytes(9 * SPAN_BYTES + 1))
    there.shelf.held[part.root] = b"\x05\x02"
    with closing(there.connection(whole, part)) as connection:
        assert connection.holding(there.holder, whole) is None
        assert connection.holding(there.holder, part) == b"\x05\x02"
        there.shelf.held[part.root] = b"\xff\x03"
        assert connection.holding(there.holder, part) == b"\xff\x03"


def test_a_bitmap_of_another_length_is_not_taken(there: Site) -> None:
    disk = there.shelf.add(bytes(9 * SPAN_BYTES))
    with closing(there.connection(disk)) as connection:
        for bitmap in (b"\1", b"\1\1\1", b""):
            there.shelf.held[disk.root] = bitmap
            with pytest.raises(HolderFailed, match="another length"):
                connection.holding(there.holder, disk)


def test_of_a_disk_on_its_way_only_what_has_arrived_is_served(there: Site) -> None:
    content = os.urandom(3 * SPAN_BYTES)
    disk = there.shelf.add(content)
    there.shelf.held[disk.root] = b"\x05"
    with closing(there.connection(disk)) as connection:
        view = memoryview(bytearray(100))
        for offset in (0, SPAN_BYTES - 100, 2 * SPAN_BYTES):
            assert connection.range(there.holder, disk, offset, view) == (100, None)
            assert bytes(view) == content[offset : offset + 100]
        stream = connection._stream
        for offset in (SPAN_BYTES - 99, SPAN_BYTES, 2 * SPAN_BYTES - 1):
            error = failure(connection.range(there.holder, disk, offset, view))
            assert (error.code, error.passing) == ("not_yet", True)
        assert connection._stream is stream, "a refusal does not cost the connection"
        there.shelf.held[disk.root] = b"\x07"
        assert connection.range(there.holder, disk, SPAN_BYTES - 99, view) == (100, None)


@pytest.mark.parametrize(
    ("bitmap", "first", "last", "has"),
    [(b"\x01", 0, 0, True), (b"\x01", 0, 1, False), (b"\x80\x01", 7, 8, True), (b"\x80\x01", 6, 8, False),
     (b"", 0, 0, False), (b"\xff", 8, 8, False)],
)  # fmt: skip
def test_a_bitmap_is_read_from_its_lowest_bit(bitmap: bytes, first: int, last: int, has: bool) -> None:
    opened = Opened(-1, -1, 0, lambda: bitmap)
    assert opened.has(first * SPAN_BYTES, last * SPAN_BYTES + 1) is has


def test_the_first_shelf_that_has_a_disk_gives_it(there: Site, tmp_path: Path) -> None:
    disk = there.shelf.add(b"x")

    class Empty:
        def open(self, root: str) -> Opened | None:
            return None

    found = Shelves(Empty(), there.shelf).open(disk.root)
    assert found is not None
    found.close()
    assert Shelves(Empty(), Empty()).open(disk.root) is None


def test_an_expired_ticket_is_told_apart_from_a_bad_one(there: Site) -> None:
    disk = there.shelf.add(b"x" * 100)
    for ticket, code in ((there.ticket(disk, seconds=-1), "ticket_expired"), ("rubbish", "source_refused")):
        with closing(there.connection(ticket=ticket)) as connection:
            assert failure(connection.range(there.holder, disk, 0, memoryview(bytearray(9)))).code == code


def test_a_renewed_ticket_is_used_from_the_next_request_on(there: Site) -> None:
    disk = there.shelf.add(b"x" * 100)
    tickets = [there.ticket(disk, seconds=-1), there.ticket(disk)]
    connection = there.connection(disk)
    connection._ticket = lambda: tickets.pop(0)
    with closing(connection):
        view = memoryview(bytearray(9))
        assert failure(connection.range(there.holder, disk, 0, view)).code == "ticket_expired"
        assert connection.range(there.holder, disk, 0, view) == (9, None)


def test_a_file_that_became_shorter_is_a_cut_answer_and_not_a_wrong_one(there: Site) -> None:
    content = os.urandom(3 * MIB)
    disk = there.shelf.add(content)
    os.truncate(there.shelf.folder / disk.root, MIB + 5)
    view = memoryview(bytearray(3 * MIB))
    with closing(there.connection(disk)) as connection, structlog.testing.capture_logs() as lines:
        got, error = connection.range(there.holder, disk, 0, view)
    assert error is not None
    assert error.passing
    assert bytes(view[:got]) == content[:got]
    assert got <= MIB + 5
    assert "cannot_serve" in [line["event"] for line in lines]


# --- zstd ---


def test_what_shrinks_travels_as_zstd_where_it_is_asked_for(there: Site) -> None:
    disk = there.shelf.add(WORDS)
    body, connection = get(there, disk, 1000, len(WORDS) - 1000, wire=Wire("zstd"))
    assert body == WORDS[1000:]
    assert connection.received < len(body) / 2
    body, connection = get(there, disk, 1000, len(WORDS) - 1000, wire=Wire("plain"))
    assert connection.received == len(body)


@pytest.mark.parametrize("size", [1, 2, 1000, press.FIRST - 1, press.FIRST, press.FIRST + 1, 2 * MIB])
def test_ranges_of_any_size_arrive_right_as_zstd(there: Site, size: int) -> None:
    content = (WORDS[: size // 2] + os.urandom(size))[:size]
    body, connection = get(there, there.shelf.add(content), 0, size, wire=Wire("zstd"))
    assert body == content
    assert connection.received <= size


def test_what_does_not_shrink_travels_plain(there: Site) -> None:
    content = os.urandom(MIB)
    body, connection = get(there, there.shelf.add(content), 0, MIB, wire=Wire("zstd"))
    assert body == content
    assert connection.received == MIB


def test_a_door_without_memory_to_spare_sends_plain(there: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = there.shelf.add(WORDS)
    monkeypatch.setattr(press, "MEMORY", len(WORDS) - 1)
    assert get(there, disk, 0, len(WORDS), wire=Wire("zstd"))[1].received == len(WORDS)
    monkeypatch.setattr(press, "MEMORY", len(WORDS))
    for _ in range(3):  # what was reserved is given back
        assert get(there, disk, 0, len(WORDS), wire=Wire("zstd"))[1].received < len(WORDS)


def test_a_door_whose_threads_are_taken_sends_plain(there: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = there.shelf.add(WORDS)
    monkeypatch.setattr(press, "QUEUED", 0)
    assert get(there, disk, 0, len(WORDS), wire=Wire("zstd"))[1].received == len(WORDS)


def test_auto_learns_from_real_ranges(there: Site) -> None:
    disk = there.shelf.add(WORDS)
    wire = Wire("auto")
    with closing(there.connection(disk, wire=wire)) as connection:
        received = []
        for _ in range(2):
            view = memoryview(bytearray(len(WORDS)))
            assert connection.range(there.holder, disk, 0, view) == (len(WORDS), None)
            assert bytes(view) == WORDS
            received.append(connection.received)
    assert received[0] == len(WORDS)
    assert received[1] < len(WORDS)
    assert wire._rates["pod-1"].plain
    assert wire._rates["pod-1"].zstd


# --- the operator's limit ---


class Counting:
    """A limit that counts, and holds each piece up for a little."""

    def __init__(self, delay: float) -> None:
        self.sizes: list[int] = []
        self._delay = delay

    def delay(self, size: int) -> float:
        self.sizes.append(size)
        return self._delay


@pytest.mark.parametrize("wire", ["plain", "zstd"])
def test_all_that_is_sent_counts_against_the_limit(sites: Sites, wire: str) -> None:
    throttle = Counting(0.0)
    there = sites(throttle=throttle)
    disk = there.shelf.add(WORDS)
    body, connection = get(there, disk, 0, len(WORDS), wire=Wire(wire))  # type: ignore[arg-type]
    assert body == WORDS
    assert sum(throttle.sizes) == connection.received
    assert throttle.sizes[0] == sending.FIRST
    assert throttle.sizes[1] > sending.FIRST


def test_under_a_tight_limit_pieces_become_small_so_that_a_reader_is_not_left_in_silence(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "SLUGGISH", 0.01)
    throttle = Counting(0.02)
    there = sites(throttle=throttle)
    disk = there.shelf.add(os.urandom(130_000))
    get(there, disk, 0, 130_000)
    assert throttle.sizes == [65536, 32768, 16384, 15312]


def test_a_rate_that_is_set_is_kept(sites: Sites) -> None:
    clock = [0.0]
    throttle = Throttle(1_000_000, clock=lambda: clock[0])
    there = sites(throttle=throttle)
    disk = there.shelf.add(os.urandom(200_000))
    get(there, disk, 0, 200_000)
    assert throttle.delay(0) <= 0.2
    assert throttle.delay(300_000) > 0


# --- further routes ---


async def _put(request: web.BaseRequest, match: re.Match[str], bearer: str | None) -> web.StreamResponse:
    hasher, size = hashlib.sha256(), 0
    async for piece in request.content.iter_any():
        hasher.update(piece)
        size += len(piece)
    return web.json_response({"name": match[1], "bearer": bearer, "size": size, "sha256": hasher.hexdigest()})


async def _deny(request: web.BaseRequest, match: re.Match[str], bearer: str | None) -> web.StreamResponse:
    raise Denied(409, "not now", {"X-Why": "because"})


async def _break(request: web.BaseRequest, match: re.Match[str], bearer: str | None) -> web.StreamResponse:
    raise OSError(28, "No space left on device")


ROUTES = (
    Route(re.compile(r"/v1/uploads/([a-z]+)"), frozenset({"PUT", "HEAD"}), _put),
    Route(re.compile(r"/v1/deny"), frozenset({"PUT"}), _deny),
    Route(re.compile(r"/v1/break"), frozenset({"PUT"}), _break),
)


def put(there: Site, path: str, body: object, method: str = "PUT") -> tuple[int, bytes, str | None]:
    connection: http.client.HTTPConnection
    identity = there.identity()
    if identity is None:
        connection = http.client.HTTPConnection("127.0.0.1", there.port, timeout=20)
    else:
        context = identity.client()
        context.check_hostname = False
        connection = http.client.HTTPSConnection("127.0.0.1", there.port, timeout=20, context=context)
        connection.sock = None
    with closing(connection):
        connection.request(method, path, body=body)  # type: ignore[arg-type]
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.getheader("X-Why")


def test_a_further_route_gets_a_body_of_any_size_as_a_stream(sites: Sites) -> None:
    there = sites(routes=ROUTES)
    body = os.urandom(20 * MIB)
    status, answer, _ = put(there, "/v1/uploads/disk", body)
    assert status == 200
    expected = {"name": "disk", "bearer": "pod-2" if there.authority else None, "size": len(body)}
    assert json.loads(answer) == expected | {"sha256": hashlib.sha256(body).hexdigest()}


def test_a_further_route_takes_its_own_methods_and_refuses_in_its_own_way(sites: Sites) -> None:
    there = sites(routes=ROUTES)
    assert put(there, "/v1/uploads/disk", b"", "POST")[0] == 405
    with structlog.testing.capture_logs() as lines:
        assert put(there, "/v1/deny", b"") == (409, b"", "because")
        assert put(there, "/v1/break", b"")[0] == 500
        assert put(there, "/v1/uploads/x/y", b"")[0] == 405
    assert {line["event"] for line in lines} == {"refused", "cannot_serve"}


def test_a_refusal_arrives_although_the_body_is_still_being_sent(sites: Sites) -> None:
    there = sites(routes=ROUTES)
    assert put(there, "/v1/deny", os.urandom(4 * MIB))[0] == 409


def test_a_route_checks_a_ticket_as_the_door_does(there: Site) -> None:
    disk = there.shelf.add(b"x")

    class Request:
        headers = {"Authorization": f"Bearer {there.ticket(disk)}"}

    check = there.door._check
    assert ticket_of(Request(), check, "pod-2").roots == (disk.root,)  # type: ignore[arg-type]
    assert ticket_of(Request(), check, None).pod == "pod-2"  # type: ignore[arg-type]
    with pytest.raises(Denied) as denied:
        ticket_of(Request(), check, "pod-3")  # type: ignore[arg-type]
    assert denied.value.status == 403


def test_closing_a_door_cuts_who_is_being_served(sites: Sites) -> None:
    there = sites()
    disk = there.shelf.add(os.urandom(8 * MIB))
    with closing(there.connection(disk)) as connection:
        assert connection.range(there.holder, disk, 0, memoryview(bytearray(10))) == (10, None)
        there.door.close()
        error = failure(connection.range(there.holder, disk, 0, memoryview(bytearray(10))))
        assert (error.code, error.passing) == ("source_unreachable", True)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", there.port), timeout=5)


def test_a_gate_opens_for_good_when_the_connection_is_lost() -> None:
    async def waits() -> None:
        gate = sending.Gate()
        gate.pause()
        waiting = asyncio.ensure_future(gate.wait())
        await asyncio.sleep(0)
        assert not waiting.done()
        gate.lost()
        with pytest.raises(ConnectionResetError):
            await waiting
        gate.pause()
        with pytest.raises(ConnectionResetError):
            await gate.wait()

    asyncio.run(waits())
