"""The door to a pod's chunks: who is let in, and to what."""

import http.client
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import structlog
from pods import Hub, Pod

from connector.admission import Tickets
from connector.transfer import asked, callers, server
from connector.transfer.shelf import LibraryShelf
from contracts.manifest import Manifest
from runtime.tickets import Signer

CONTENT = os.urandom(300_000)
Pods = Callable[..., Pod]


@pytest.fixture
def pod(pods: Pods) -> Pod:
    return pods("pod-1")


@pytest.fixture
def manifest(pod: Pod) -> Manifest:
    return pod.prepare(pod.import_task(pod.file("disk", CONTENT))).manifest


def ask(pod: Pod, path: str, ticket: str | None = None, *, method: str = "GET", range: str | None = None):
    parts = urlsplit(pod.address)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)) as connection:
        headers = {}
        if ticket is not None:
            headers["Authorization"] = f"Bearer {ticket}"
        if range is not None:
            headers["Range"] = range
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer


def data(manifest: Manifest) -> str:
    return f"/v1/disks/{manifest.disks[0].root}/data"


def test_a_range_is_served_to_whoever_has_a_ticket_for_the_disk(pod: Pod, hub: Hub, manifest: Manifest) -> None:
    status, body, answer = ask(pod, data(manifest), hub.ticket(manifest), range="bytes=1000-70000")
    assert status == 206
    assert body == CONTENT[1000:70001]
    assert answer.getheader("Content-Range") == f"bytes 1000-70000/{len(CONTENT)}"


def test_the_index_is_served_whole(pod: Pod, hub: Hub, manifest: Manifest) -> None:
    status, body, _ = ask(pod, f"/v1/disks/{manifest.disks[0].root}/index", hub.ticket(manifest))
    assert status == 200
    opened = LibraryShelf(pod.backend).open(manifest.disks[0].root)
    assert opened is not None
    try:
        assert body == os.pread(opened.index, 1 << 20, 0)
        assert len(body) > 5 * 32
    finally:
        opened.close()


def test_several_requests_go_over_one_connection(pod: Pod, hub: Hub, manifest: Manifest) -> None:
    parts = urlsplit(pod.address)
    headers = {"Authorization": f"Bearer {hub.ticket(manifest)}"}
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)) as connection:
        local = None
        for first in (0, 100_000, 200_000):
            connection.request("GET", data(manifest), headers=headers | {"Range": f"bytes={first}-{first + 99_999}"})
            assert connection.getresponse().read() == CONTENT[first : first + 100_000]
            assert connection.sock is not None
            assert local in (None, connection.sock.getsockname())
            local = connection.sock.getsockname()


@pytest.mark.parametrize(
    "range",
    [None, "bytes=0-", "bytes=-5", "bytes=5-4", "bytes=0-299999,5-6", "bytes=0-300000", "bytes=300000-300001",
     "items=0-5", "bytes=a-b", f"bytes=0-{10**30}", "bytes=0-5 "],
)  # fmt: skip
def test_anything_but_one_whole_range_of_the_disk_is_416(
    range: str | None, pod: Pod, hub: Hub, manifest: Manifest
) -> None:
    status, body, answer = ask(pod, data(manifest), hub.ticket(manifest), range=range)
    assert (status, body) in ((416, b""), (206, CONTENT[:6]))
    if status == 206:
        assert range == "bytes=0-5 "  # trailing space is no part of a header's value
    else:
        assert answer.getheader("Content-Range") == f"bytes */{len(CONTENT)}"


def test_a_range_of_more_than_eight_mebibytes_is_416(pod: Pod, hub: Hub) -> None:
    size = asked.MAX_RANGE + 1
    path = pod.folder / "incoming" / "large"
    with path.open("wb") as file:
        os.truncate(file.fileno(), size)
    source = pod.file("small", b"x")
    manifest = pod.prepare(pod.import_task(type(source)(pod=pod.name, kind="file", name="large"))).manifest
    assert ask(pod, data(manifest), hub.ticket(manifest), range=f"bytes=0-{size - 1}")[0] == 416
    assert ask(pod, data(manifest), hub.ticket(manifest), range=f"bytes=1-{size - 1}")[0] == 206


def test_without_a_good_ticket_nothing_is_served(pod: Pod, hub: Hub, manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    good = hub.ticket(manifest)
    bad = {
        "none": None,
        "empty": "",
        "no ticket": "hello",
        "cut": good[:-4],
        "changed": good[:10] + ("A" if good[10] != "A" else "B") + good[11:],
        "expired": hub.ticket(manifest, seconds=-1),
        "of another hub": Hub(tmp_path / "other").ticket(manifest),
        "endless": "A" * 7000,
    }
    for name, ticket in bad.items():
        status, body, _ = ask(pod, data(manifest), ticket, range="bytes=0-9")
        assert (status, body) == (401, b""), name


def test_a_ticket_for_other_disks_is_403_and_says_nothing_of_what_is_there(
    pod: Pod, hub: Hub, manifest: Manifest
) -> None:
    ticket = hub.ticket(manifest, roots=("a" * 64,))
    assert ask(pod, data(manifest), ticket, range="bytes=0-9")[0] == 403
    assert ask(pod, f"/v1/disks/{'b' * 64}/data", ticket, range="bytes=0-9")[0] == 403


def test_a_disk_that_is_not_in_the_library_is_404(pod: Pod, hub: Hub, manifest: Manifest) -> None:
    assert ask(pod, f"/v1/disks/{'a' * 64}/data", hub.ticket(manifest, roots=("a" * 64,)), range="bytes=0-9")[0] == 404


@pytest.mark.parametrize(
    "path",
    ["/", "/v1/disks", "/v1/disks/../../etc/passwd/data", "/v1/disks/%2e%2e/data", "/v1/disks/{root}/item.json",
     "/v1/disks/{root}/data/", "/v1/disks/{root}/data?x=1", "/v1/disks/{upper}/data", "//v1/disks/{root}/data"],
)  # fmt: skip
def test_no_other_path_leads_anywhere(path: str, pod: Pod, hub: Hub, manifest: Manifest) -> None:
    root = manifest.disks[0].root
    url = path.format(root=root, upper=root.upper())
    assert ask(pod, url, hub.ticket(manifest), range="bytes=0-9")[0] == 404


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "PATCH"])
def test_no_other_method_is_served(method: str, pod: Pod, hub: Hub, manifest: Manifest) -> None:
    assert ask(pod, data(manifest), hub.ticket(manifest), method=method)[0] == 405


def test_each_refusal_is_logged_without_the_ticket(pod: Pod, hub: Hub, manifest: Manifest) -> None:
    ticket = hub.ticket(manifest, roots=("a" * 64,))
    with structlog.testing.capture_logs() as lines:
        ask(pod, data(manifest), ticket, range="bytes=0-9")
        ask(pod, data(manifest), "rubbish", range="bytes=0-9")
    refusals = [line for line in lines if line["event"] == "refused"]
    assert [line["status"] for line in refusals] == [403, 401]
    assert "pod-x" in refusals[0]["why"]
    assert ticket not in str(lines)
    assert "rubbish" not in str(lines)


def test_before_the_hubs_key_is_there_nobody_is_let_in_and_afterwards_they_are(
    pods: Pods, hub: Hub, tmp_path: Path
) -> None:
    pod = pods("pod-1", door=False)
    manifest = pod.prepare(pod.import_task(pod.file("disk", CONTENT))).manifest
    (tmp_path / "late").mkdir()
    key = tmp_path / "late" / "hub.key"
    door = server.Door(LibraryShelf(pod.backend), Tickets(key.with_name("hub.key.pub")), "127.0.0.1", 0)
    pod.address = f"http://127.0.0.1:{door.open()}"
    try:
        ticket = hub.ticket(manifest)
        assert ask(pod, data(manifest), ticket, range="bytes=0-9")[0] == 503
        Signer.open(key)
        assert ask(pod, data(manifest), ticket, range="bytes=0-9")[0] == 401
        assert ask(pod, data(manifest), Hub(tmp_path / "late").ticket(manifest), range="bytes=0-9")[0] == 206
    finally:
        door.close()


def test_an_item_that_lost_bytes_is_not_served(pod: Pod, hub: Hub, manifest: Manifest) -> None:
    version = next((pod.folder / "datastores/main/items").iterdir()).name
    disk = pod.disk(pod.backend.find(version))
    disk.chmod(0o600)
    os.truncate(disk, 100)
    assert ask(pod, data(manifest), hub.ticket(manifest), range="bytes=0-9")[0] == 404


def test_a_removed_item_is_not_served_any_more(pod: Pod, hub: Hub, manifest: Manifest) -> None:
    version = next((pod.folder / "datastores/main/items").iterdir()).name
    pod.backend.remove(version)
    assert ask(pod, data(manifest), hub.ticket(manifest), range="bytes=0-9")[0] == 404


def test_a_connection_that_sends_no_request_is_closed(pods: Pods, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IDLE", 0.3)
    pod = pods("pod-2")
    parts = urlsplit(pod.address)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as slow:
        slow.sendall(b"GET /v1/disks HTTP/1.1\r\nHost: x\r\n")  # and never the end of it
        assert slow.recv(100) == b""


def test_connections_over_the_bound_are_cut(pods: Pods, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "CONNECTIONS", 2)
    pod = pods("pod-2")
    manifest = pod.prepare(pod.import_task(pod.file("disk", CONTENT))).manifest
    parts = urlsplit(pod.address)
    with ExitStack() as stack:
        address = (parts.hostname, parts.port)
        first, *_ = [stack.enter_context(socket.create_connection(address, timeout=10)) for _ in range(3)]
        with suppress(ConnectionResetError):
            assert first.recv(1) == b"", "the eldest that asked for nothing makes place"
        assert ask(pod, data(manifest), hub.ticket(manifest), range="bytes=0-9")[0] == 206


def test_the_port_that_is_taken_is_an_error_at_once(pod: Pod) -> None:
    taken = urlsplit(pod.address).port or 0
    door = server.Door(LibraryShelf(pod.backend), Tickets(Path("none")), "127.0.0.1", taken)
    with pytest.raises(OSError, match="in use"):
        door.open()
