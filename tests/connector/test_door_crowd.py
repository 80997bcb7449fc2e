"""A door in a crowd: slow readers and half-open connections by the hundred, and a pod that must be served."""

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from doors import Background, FileShelf, Site, site
from pods import Hub

from connector.failures import Cancel
from connector.transfer import callers, tls
from connector.transfer.client import Connection
from connector.transfer.identity import Identity
from contracts.events.to_pods import Holder
from contracts.manifest import Disk
from contracts.names import door_host
from harness.certificates import TestAuthority

MIB = 1024 * 1024
READERS, HALF_OPEN, PODS = 500, 600, 10
HERE = Path(__file__).parent


@dataclass
class Crowd:
    """A door in another process, and the connections that this one has to it."""

    site: Site
    disk: Disk
    content: bytes
    process: subprocess.Popen[str]
    stack: ExitStack

    def line(self, source: str) -> socket.socket:
        """A connection from another address of this machine."""
        line = socket.create_connection(("127.0.0.1", self.site.port), timeout=20, source_address=(source, 0))
        return self.stack.enter_context(closing(line))

    def reader(self, number: int, identities: dict[str, Identity]) -> socket.socket:
        """Asks for 8 MiB and takes only their beginning."""
        pod = f"pod-{100 + number % PODS}"
        line = self.line(f"127.0.1.{1 + number % PODS}")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if identities:
            context = identities[pod].client()
            line = self.stack.enter_context(context.wrap_socket(line, server_hostname=door_host("pod-1")))
        ticket = self.site.ticket(self.disk, pod=pod)
        request = f"GET /v1/disks/{self.disk.root}/data HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ticket}\r\n"
        line.sendall(f"{request}Range: bytes=0-{8 * MIB - 1}\r\n\r\n".encode())
        assert line.recv(12) == b"HTTP/1.1 206"
        return line

    def memory(self) -> tuple[int, int]:
        """MiB that the door's process has, and the most it had."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("?\n")
        self.process.stdin.flush()
        now, most = self.process.stdout.readline().split()
        return int(now) // 1024, int(most) // 1024


@pytest.fixture(params=["plain", "tls"])
def crowd(request: pytest.FixtureRequest, tmp_path: Path, hub: Hub) -> Iterator[Crowd]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 3000:
        pytest.skip("the system allows this process too few files for a crowd")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3000), hard))
    authority = TestAuthority(tmp_path / "ca") if request.param == "tls" else None
    if authority is not None:
        authority.files(door_host("pod-1"))
    (tmp_path / "shelf").mkdir()
    shelf = FileShelf(tmp_path / "shelf")
    content = os.urandom(8 * MIB)
    disk = shelf.add(content)
    paths = os.pathsep.join([str(HERE), str(HERE.parent)])
    with ExitStack() as stack:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "crowded.py"), str(tmp_path), request.param],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": paths},
        )
        stack.callback(process.wait, 20)
        assert process.stdin
        assert process.stdout
        stack.callback(process.stdin.close)
        port = int(process.stdout.readline())
        yield Crowd(Site(shelf, hub, authority, None, port), disk, content, process, stack)  # type: ignore[arg-type]


def test_500_slow_readers_and_600_half_open_connections_keep_nobody_out(crowd: Crowd) -> None:
    before, _ = crowd.memory()
    authority = crowd.site.authority
    names = [f"pod-{100 + number}" for number in range(PODS)]
    identities = {name: authority.identity(name) for name in names} if authority else {}
    readers = [crowd.reader(number, identities) for number in range(READERS)]
    for number in range(HALF_OPEN):
        line = crowd.line(f"127.0.2.{1 + number % 20}")
        with suppress(OSError):
            line.sendall(b"\x16\x03\x01" if authority else b"GET /v1/disks HTTP/1.1\r\nHost:")

    def fetch() -> None:
        view = memoryview(bytearray(4 * MIB))
        with closing(crowd.site.connection(crowd.disk)) as connection:
            for offset in (0, 4 * MIB, 1234):
                assert connection.range(crowd.site.holder, crowd.disk, offset, view) == (4 * MIB, None)
                assert view == crowd.content[offset : offset + 4 * MIB]

    fetched = Background(fetch).join()
    assert fetched.error is None
    now, most = crowd.memory()
    print(f"door: {before} MiB before, {now} MiB now, {most} MiB at most")
    assert most - before < 120
    for reader in readers[:: READERS // 10]:
        reader.settimeout(5)
        assert reader.recv(1000), "a slow reader is held as long as there is place"


def small_door(tmp_path: Path, hub: Hub, authority: TestAuthority | None, stack: ExitStack) -> tuple[Site, Disk]:
    (tmp_path / "small").mkdir()
    there = site(tmp_path / "small", hub, authority)
    stack.callback(there.door.close)
    return there, there.shelf.add(os.urandom(8 * MIB))


@pytest.mark.parametrize("mode", ["plain", "tls"])
def test_a_reader_that_takes_too_little_is_cut_when_others_wait(
    tmp_path: Path, hub: Hub, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "CONNECTIONS", 2)
    monkeypatch.setattr(callers, "GRACE", 0.3)
    monkeypatch.setattr(callers, "SLOWEST", 100 * MIB)  # also for what the kernel took at once
    authority = TestAuthority(tmp_path / "ca") if mode == "tls" else None
    with structlog.testing.capture_logs() as noted, ExitStack() as stack:
        there, disk = small_door(tmp_path, hub, authority, stack)
        crowd = Crowd(there, disk, b"", None, stack)  # type: ignore[arg-type]
        names = [f"pod-{100 + number}" for number in range(2)]
        identities = {name: authority.identity(name) for name in names} if authority else {}
        for number in range(2):
            crowd.reader(number, identities)
        view = memoryview(bytearray(MIB))
        with closing(there.connection(disk)) as connection:
            served = None
            while served != (MIB, None):  # as soon as the two are known to be slow
                served = connection.range(there.holder, disk, 0, view)
    cut = [line for line in noted if line["event"] == "connection_cut"]
    assert [(line["admitted"], line["busy"]) for line in cut] == [(True, True)]


def test_a_flood_of_half_open_handshakes_ends_by_itself(
    tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "HANDSHAKE", 0.3)
    with ExitStack() as stack:
        there, _ = small_door(tmp_path, hub, TestAuthority(tmp_path / "ca"), stack)
        address = ("127.0.0.1", there.port)
        silent = [stack.enter_context(socket.create_connection(address, timeout=10)) for _ in range(50)]
        for line in silent:
            with suppress(ConnectionResetError):
                assert line.recv(1) == b""


def test_one_pods_many_connections_leave_place_for_its_own_next(
    tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "PER_PEER", 3)
    monkeypatch.setattr(callers, "IDLE_ENOUGH", 0.0)
    with ExitStack() as stack:
        there, disk = small_door(tmp_path, hub, TestAuthority(tmp_path / "ca"), stack)
        view = memoryview(bytearray(1000))
        for _ in range(10):
            connection = stack.enter_context(closing(there.connection(disk)))
            assert connection.range(there.holder, disk, 0, view) == (1000, None)


def test_a_connection_to_a_full_door_fails_and_may_be_tried_again(
    tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "CONNECTIONS", 1)
    with ExitStack() as stack:
        there, disk = small_door(tmp_path, hub, None, stack)
        crowd = Crowd(there, disk, b"", None, stack)  # type: ignore[arg-type]
        crowd.reader(0, {})
        connection = stack.enter_context(closing(Connection(lambda: there.ticket(disk), Cancel())))
        holder = Holder(pod="pod-1", address=there.holder.address)
        _, error = connection.range(holder, disk, 0, memoryview(bytearray(1000)))
        assert error is not None
        assert (error.code, error.passing) == ("source_unreachable", True)
