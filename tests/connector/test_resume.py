"""Copies that are interrupted, wait or run into their own disk: what is kept, what comes again, what is said."""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from misbehaving import Behaviour, misbehaving
from pods import Hub, Pod

from connector.copying import LiveGrant
from connector.failures import Cancel, Cancelled, Refused, failure_of
from connector.transfer import readback
from connector.transfer.chunks import BATCH
from connector.transfer.writer import DiskWriter
from contracts.events.to_pods import Holder
from contracts.limits import Limits, Window
from contracts.manifest import CHUNK, Manifest
from harness.digests import root_of

MIB = 1024 * 1024
HERE = Path(__file__).parent
Pods = Callable[..., Pod]

CHILD = """
import sys
from pathlib import Path
import msgspec
from pods import Hub, Pod
from contracts.events.to_pods import Holder
from contracts.manifest import Manifest

folder, version, manifest, address = sys.argv[1:]
hub = Hub(Path(folder).parent)
pod = Pod("pod-2", Path(folder), hub)
holders = (Holder(pod="pod-1", address=address),)
pod.copy(pod.copy_task(version, msgspec.json.decode(manifest, type=Manifest), holders=holders), threads=3)
"""


def published(pod: Pod, content: bytes, name: str = "disk") -> tuple[str, Manifest]:
    task = pod.import_task(pod.file(name, content))
    return task.version, pod.prepare(task).manifest


def test_after_kill_9_at_most_one_range_for_each_stream_comes_again(pods: Pods, tmp_path: Path) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    content = os.urandom(64 * MIB + 333)
    version, manifest = published(one, content)
    one.throttles.send.rate = 24 * MIB
    arguments = [str(two.folder), version, msgspec.json.encode(manifest).decode(), one.address]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    child = subprocess.Popen([sys.executable, "-c", CHILD, *arguments], env=environment)
    try:
        while one.door.sent < 28 * MIB:
            assert child.poll() is None
            threading.Event().wait(0.01)
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.wait()
    assert two.backend.find(version) is None
    one.throttles.send.rate = None
    sent = one.door.sent
    made = two.copy(two.copy_task(version, manifest, one), threads=3)
    assert two.disk(made.placed).read_bytes() == content
    # What had left the source and is not kept was under way: a range for each of three streams.
    assert made.reused >= sent - 3 * BATCH - MIB
    assert made.network + made.reused <= len(content) + 64 * 1024


def test_a_copy_that_was_cancelled_goes_on_where_it_stopped(pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    content = os.urandom(24 * MIB)
    version, manifest = published(one, content)
    one.throttles.send.rate = 16 * MIB
    cancel = Cancel()
    timer = threading.Timer(0.8, cancel.set)
    timer.start()
    with pytest.raises(Cancelled):
        two.copy(two.copy_task(version, manifest, one), cancel)
    one.throttles.send.rate = None
    made = two.copy(two.copy_task(version, manifest, one))
    assert made.reused >= 4 * MIB
    assert made.network + made.reused <= len(content) + 64 * 1024
    assert two.disk(made.placed).read_bytes() == content


def test_peers_get_at_once_what_was_kept_from_an_earlier_try(pods: Pods) -> None:
    one, two, three = pods("pod-1"), pods("pod-2"), pods("pod-3")
    content = os.urandom(32 * MIB)
    version, manifest = published(one, content)
    with misbehaving(one, Behaviour(stop_after=20 * MIB)) as address, pytest.raises(Refused):
        two.copy(two.copy_task(version, manifest, holders=(Holder(pod="pod-1", address=address),)))
    failures: list[Refused] = []

    def again() -> None:
        try:
            holders = (Holder(pod="pod-3", address=three.address, complete=False),)
            two.copy(two.copy_task(version, manifest, holders=holders))
        except Refused as error:
            failures.append(error)

    thread = threading.Thread(target=again)
    thread.start()
    while (opened := two.receiving.open(manifest.disks[0].root)) is None:
        threading.Event().wait(0.01)
    opened.close()
    before = one.door.sent
    one.throttles.send.rate = 24 * MIB
    made = three.copy(three.copy_task(version, manifest, one, peers=[two]))
    thread.join(30)
    assert three.disk(made.placed).read_bytes() == content
    assert one.door.sent - before <= 22 * MIB
    if not failures:
        assert two.disk(two.backend.find(version)).read_bytes() == content


def test_a_copy_whose_ticket_expires_goes_on_with_the_next_one(pods: Pods, hub: Hub) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    content = os.urandom(16 * MIB)
    version, manifest = published(one, content)
    one.throttles.send.rate = 8 * MIB
    task = two.copy_task(version, manifest, one)
    grant = LiveGrant(hub.ticket(manifest, pod="pod-2", seconds=1), task.holders)
    timer = threading.Timer(3.0, lambda: grant.replace(hub.ticket(manifest, pod="pod-2"), task.holders))
    timer.start()
    made = two.copy(task, grant=grant)
    assert two.disk(made.placed).read_bytes() == content
    assert made.network <= len(content) + 64 * 1024


def test_a_copy_whose_ticket_is_not_renewed_says_so_and_resumes(
    pods: Pods, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.transfer.session.RENEWAL", 0.2)
    one, two = pods("pod-1"), pods("pod-2")
    content = os.urandom(MIB)
    version, manifest = published(one, content)
    task = two.copy_task(version, manifest, one, ticket=hub.ticket(manifest, pod="pod-2", seconds=-60))
    with pytest.raises(Refused) as refusal:
        two.copy(task)
    assert refusal.value.failure.code == "ticket_expired"
    assert refusal.value.failure.retry
    two.copy(two.copy_task(version, manifest, one))


def test_outside_its_hours_a_copy_waits_and_keeps_what_it_has(pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    content = os.urandom(24 * MIB)
    version, manifest = published(one, content)
    one.throttles.send.rate = 16 * MIB
    never = Limits(windows=(Window(begin="00:00", end="00:01", days=((two.throttles._now().weekday() + 3) % 7,)),))
    two.throttles.apply(never)
    done: list[object] = []
    thread = threading.Thread(target=lambda: done.append(two.copy(two.copy_task(version, manifest, one))))
    thread.start()
    threading.Event().wait(0.5)
    assert one.door.sent == 0
    two.throttles.apply(Limits())
    while one.door.sent < 6 * MIB:
        threading.Event().wait(0.01)
    two.throttles.apply(never)
    threading.Event().wait(1.5)
    paused = one.door.sent
    assert paused < 20 * MIB
    threading.Event().wait(0.5)
    assert one.door.sent == paused
    assert not done
    two.throttles.apply(Limits())
    thread.join(20)
    assert done
    assert one.door.sent <= len(content) + 64 * 1024
    assert two.disk(two.backend.find(version)).read_bytes() == content


def test_what_is_received_counts_against_the_link_and_the_pod(pods: Pods, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    content = os.urandom(6 * MIB)
    version, manifest = published(one, content)
    two.throttles.apply(Limits(links={"pod-1": 64 * MIB}, receive=128 * MIB))
    link = two.throttles.link("pod-1")
    made = two.copy(two.copy_task(version, manifest, one))
    assert link._taken == two.throttles.receive._taken == made.network


def test_a_disk_that_does_not_keep_what_is_written_is_found_out_by_reading_back(
    pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    content = os.urandom(8 * MIB + 5)
    version, manifest = published(one, content)
    write, torn = DiskWriter.write, [1]

    def tearing(self: DiskWriter, data: memoryview, offset: int) -> None:
        """Lose the end of a write without a word, as a broken disk cache does."""
        write(self, data, offset)
        if offset == 0 and torn[0]:
            torn[0] -= 1
            write(self, memoryview(bytes(CHUNK)), 2 * CHUNK)

    monkeypatch.setattr(DiskWriter, "write", tearing)
    made = two.copy(two.copy_task(version, manifest, one), readback=True)
    assert two.disk(made.placed).read_bytes() == content
    assert made.network >= len(content) + CHUNK


def test_a_disk_that_loses_the_same_chunk_twice_is_reported_as_broken(
    pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    version, manifest = published(one, os.urandom(2 * MIB))
    write = DiskWriter.write

    def losing(self: DiskWriter, data: memoryview, offset: int) -> None:
        write(self, data, offset)
        write(self, memoryview(b"\1" * 512), 5 * CHUNK)

    monkeypatch.setattr(DiskWriter, "write", losing)
    with pytest.raises(Refused) as refusal:
        two.copy(two.copy_task(version, manifest, one), readback=True)
    assert refusal.value.failure.code == "io_error"
    assert two.backend.find(version) is None


def test_reading_back_names_exactly_the_chunks_that_are_wrong(pods: Pods) -> None:
    one = pods("pod-1")
    content = os.urandom(5 * MIB) + bytes(3 * MIB) + os.urandom(MIB + 17)
    version, manifest = published(one, content)
    path = one.disk(one.backend.find(version))
    found = one.backend.open(manifest.disks[0].root)
    assert found is not None
    data, index = found
    from connector.transfer.index import opened

    try:
        assert list(readback.wrong_chunks(data, opened(index, manifest.disks[0]), Cancel())) == []
        path.chmod(0o600)
        with path.open("r+b") as file:
            for chunk in (0, 79, 144):
                file.seek(chunk * CHUNK + 3)
                file.write(b"rot")
        assert list(readback.wrong_chunks(data, opened(index, manifest.disks[0]), Cancel())) == [0, 79, 144]
    finally:
        os.close(data)
        os.close(index)


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, "no_space"), (errno.EDQUOT, "quota_exceeded"), (errno.EIO, "io_error")]
)
def test_a_disk_that_fails_in_the_middle_leaves_nothing_half_visible(
    number: int, code: str, pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    content = os.urandom(12 * MIB)
    version, manifest = published(one, content)
    write, left = DiskWriter.write, [2]

    def failing(self: DiskWriter, data: memoryview, offset: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(number, os.strerror(number))
        write(self, data, offset)

    task = two.copy_task(version, manifest, one)
    with monkeypatch.context() as patch:
        patch.setattr(DiskWriter, "write", failing)
        with pytest.raises(OSError, match=os.strerror(number)) as error:
            two.copy(task)
    assert failure_of(error.value, "copy").code == code
    assert two.backend.find(version) is None
    made = two.copy(two.copy_task(version, manifest, one))
    assert made.reused == 2 * BATCH
    assert root_of(two.disk(made.placed).read_bytes()) == manifest.disks[0].root


def test_a_corrupt_item_is_made_anew_from_what_is_right_in_it(pods: Pods) -> None:
    from datetime import UTC, datetime

    from connector.backends.base import Corrupt

    one, two = pods("pod-1"), pods("pod-2")
    content = os.urandom(8 * MIB)
    version, manifest = published(one, content)
    path = two.disk(two.copy(two.copy_task(version, manifest, one)).placed)
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(7 * CHUNK)
        file.write(b"rot")
    folder = two.backend.folder(version)
    assert folder is not None
    two.backend.quarantine(version, folder, Corrupt(found=datetime.now(UTC)))
    os.close(folder)
    assert two.backend.open(manifest.disks[0].root) is None
    made = two.copy(two.copy_task(version, manifest, one))
    assert made.rotten == 1
    assert CHUNK <= made.network < CHUNK + 10_000
    assert made.reused == len(content) - CHUNK
    assert two.disk(made.placed).read_bytes() == content
    found = two.backend.find(version)
    assert found is not None
    assert found.intact
