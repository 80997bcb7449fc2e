"""The door with certificates: who somebody is counts as much as what ticket they hold."""

import os
import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from doors import Background, Site, failure, site
from pods import Hub

from connector.failures import Cancel
from connector.transfer.client import Connection
from connector.transfer.identity import Identity
from contracts.events.to_pods import Holder
from contracts.manifest import Disk
from contracts.names import door_host
from harness.certificates import TestAuthority

CONTENT = os.urandom(700_000)


@pytest.fixture
def authority(tmp_path: Path) -> TestAuthority:
    return TestAuthority(tmp_path / "ca")


@pytest.fixture
def there(tmp_path: Path, hub: Hub, authority: TestAuthority) -> Iterator[Site]:
    (tmp_path / "shelf").mkdir()
    found = site(tmp_path / "shelf", hub, authority)
    yield found
    found.door.close()


@pytest.fixture
def disk(there: Site) -> Disk:
    return there.shelf.add(CONTENT)


def fetch(connection: Connection, holder: Holder, disk: Disk, size: int = 100_000):
    view = memoryview(bytearray(size))
    with closing(connection):
        got, error = connection.range(holder, disk, 1000, view)
    assert bytes(view[:got]) == CONTENT[1000 : 1000 + got]
    return got, error


def status(there: Site, identity: Identity, path: str, ticket: str) -> int:
    """What the door answers to a raw request."""
    context = identity.client()
    with socket.create_connection(("127.0.0.1", there.port), timeout=10) as plain:
        found = context.wrap_socket(plain, server_hostname=door_host("pod-1"))
        found.sendall(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ticket}\r\nRange: bytes=0-9\r\n\r\n".encode()
        )
        return int(found.recv(4096).split()[1])


def test_a_pod_with_certificate_and_ticket_is_served(there: Site, disk: Disk) -> None:
    assert fetch(there.connection(disk), there.holder, disk) == (100_000, None)


def test_several_ranges_go_over_one_connection(there: Site, disk: Disk) -> None:
    with closing(there.connection(disk)) as connection:
        streams = set()
        for _ in range(3):
            assert connection.range(there.holder, disk, 5, memoryview(bytearray(10)))[1] is None
            streams.add(connection._stream)
    assert len(streams) == 1


def test_a_ticket_in_the_hands_of_another_pod_is_403(there: Site, disk: Disk) -> None:
    stolen = there.ticket(disk, pod="pod-2")
    with structlog.testing.capture_logs() as lines:
        error = failure(fetch(there.connection(pod="pod-3", ticket=stolen), there.holder, disk))
    assert (error.code, error.passing) == ("source_refused", False)
    assert "403" in error.text
    (line,) = [line for line in lines if line["event"] == "refused"]
    assert line["status"] == 403
    assert line["peer"] == "pod-3"
    assert "pod-2" in line["why"]
    assert stolen not in str(lines)


def test_what_a_pod_holds_cannot_be_found_out_without_a_ticket_for_it(
    there: Site, disk: Disk, authority: TestAuthority
) -> None:
    mine = there.shelf.add(b"mine" * 10)
    ticket = there.ticket(mine, pod="pod-3")
    identity = authority.identity("pod-3")
    for part in ("data", "index", "holding"):
        answers = {status(there, identity, f"/v1/disks/{root}/{part}", ticket) for root in (disk.root, "e" * 64)}
        assert answers == {403}, "of a foreign disk it says the same whether it is here or not"
        stolen = there.ticket(disk, pod="pod-2")
        gone = there.ticket(Disk(**{**_fields(disk), "root": "e" * 64}), pod="pod-2")
        assert status(there, identity, f"/v1/disks/{disk.root}/{part}", stolen) == 403
        assert status(there, identity, f"/v1/disks/{'e' * 64}/{part}", gone) == 403


def _fields(disk: Disk) -> dict[str, object]:
    return {name: getattr(disk, name) for name in disk.__struct_fields__}


def test_a_certificate_that_is_no_pods_opens_nothing(there: Site, disk: Disk, authority: TestAuthority) -> None:
    certificate, key = authority.files("www.example.org")
    identity = Identity.open(certificate, key, authority.path)
    assert status(there, identity, f"/v1/disks/{disk.root}/data", there.ticket(disk)) == 403
    assert status(there, identity, "/anything", "") == 403


def test_who_shows_no_good_certificate_gets_no_answer_at_all(
    there: Site, disk: Disk, authority: TestAuthority, tmp_path: Path
) -> None:
    other = TestAuthority(tmp_path / "other")
    stale = authority.files(door_host("pod-2"), life=timedelta(seconds=-60))
    foreign = other.files(door_host("pod-2"))
    for files in (foreign, stale):
        identity = Identity.open(*files, authority.path)
        with structlog.testing.capture_logs() as lines:
            connection = Connection(lambda: there.ticket(disk), Cancel(), identity)
            error = failure(fetch(connection, there.holder, disk))
            while not lines:  # the door's thread may be a little behind
                time.sleep(0.01)
        assert (error.code, error.passing) == ("source_refused", False)
        assert [line["event"] for line in lines] == ["handshake_failed"]
    naked = ssl.create_default_context(cafile=str(authority.path))
    with socket.create_connection(("127.0.0.1", there.port), timeout=10) as plain:
        found = naked.wrap_socket(plain, server_hostname=door_host("pod-1"))
        with pytest.raises(ssl.SSLError, match=r"(?i)certificate required"):
            found.recv(100)


def test_plain_http_gets_no_answer_from_a_door_with_certificates(there: Site) -> None:
    with socket.create_connection(("127.0.0.1", there.port), timeout=10) as plain:
        plain.sendall(b"GET /v1/disks HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        with suppress(ConnectionResetError):
            answer = plain.recv(1000)
        assert b"HTTP" not in answer


def test_a_door_must_be_the_pods_that_the_hub_named(there: Site, disk: Disk) -> None:
    wrong = Holder(pod="pod-9", address=there.holder.address)
    error = failure(fetch(there.connection(disk), wrong, disk))
    assert (error.code, error.passing) == ("source_refused", False)
    assert "certificate" in error.text


def test_a_door_of_another_authority_gets_no_ticket(
    tmp_path: Path, hub: Hub, there: Site, disk: Disk, authority: TestAuthority
) -> None:
    other = TestAuthority(tmp_path / "other")
    (tmp_path / "impostor").mkdir()
    with ExitStack() as stack:
        impostor = site(tmp_path / "impostor", hub, other)
        stack.callback(impostor.door.close)
        error = failure(fetch(there.connection(disk), impostor.holder, disk))
    assert (error.code, error.passing) == ("source_refused", False)


def test_addresses_without_tls_are_refused_where_there_is_an_identity_and_the_other_way_round(
    there: Site, disk: Disk
) -> None:
    plain = Holder(pod="pod-1", address=there.holder.address.replace("https", "http"))
    assert failure(fetch(there.connection(disk), plain, disk)).code == "source_refused"
    naked = Connection(lambda: there.ticket(disk), Cancel())
    assert failure(fetch(naked, there.holder, disk)).code == "source_refused"


def test_certificates_are_renewed_under_a_door_that_is_open(
    there: Site, disk: Disk, authority: TestAuthority, tmp_path: Path
) -> None:
    other = TestAuthority(tmp_path / "other")
    for path in other.files(door_host("pod-1")):
        shutil.copy(path, authority.folder / path.name)
    shutil.copy(other.path, authority.path)
    renewed = Connection(lambda: there.ticket(disk), Cancel(), other.identity("pod-2"))
    assert fetch(renewed, there.holder, disk) == (100_000, None)


def test_a_connection_under_way_outlives_a_renewal(there: Site, disk: Disk, authority: TestAuthority) -> None:
    with closing(there.connection(disk)) as connection:
        view = memoryview(bytearray(1000))
        assert connection.range(there.holder, disk, 0, view) == (1000, None)
        stream = connection._stream
        authority.files(door_host("pod-1"))
        authority.files(door_host("pod-2"))
        assert connection.range(there.holder, disk, 0, view) == (1000, None)
        assert connection._stream is stream


def test_a_handshake_that_does_not_end_is_ended(there: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from connector.transfer import tls

    monkeypatch.setattr(tls, "HANDSHAKE", 0.3)
    with socket.create_connection(("127.0.0.1", there.port), timeout=10) as silent:
        assert Background(lambda: silent.recv(1)).join().result == b""


def test_a_connection_that_asks_for_nothing_after_its_handshake_is_closed(
    tmp_path: Path, hub: Hub, authority: TestAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connector.transfer import server

    monkeypatch.setattr(server, "IDLE", 0.3)
    (tmp_path / "idle").mkdir()
    found = site(tmp_path / "idle", hub, authority)
    try:
        with socket.create_connection(("127.0.0.1", found.port), timeout=10) as plain:
            idle = authority.identity("pod-2").client().wrap_socket(plain, server_hostname=door_host("pod-1"))
            assert idle.recv(1) == b""
    finally:
        found.door.close()
