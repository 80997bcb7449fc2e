"""Many pods at once: who feeds whom, and what one of them that fails, lies or dawdles does to the others."""

import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web
from misbehaving import Behaviour, misbehaving
from pods import Pod
from structlog.testing import capture_logs

from connector.admission import Tickets
from connector.copying import Made
from connector.failures import Cancel, Cancelled, Refused
from connector.transfer.callers import Caller
from connector.transfer.server import Door
from connector.transfer.shelf import LibraryShelf
from connector.transfer.wire import Wire
from contracts.events.to_pods import Holder
from contracts.manifest import CHUNK, Manifest
from harness.certificates import TestAuthority
from harness.digests import root_of

MIB = 1024 * 1024
Pods = Callable[..., Pod]


def published(pod: Pod, content: bytes) -> tuple[str, Manifest]:
    task = pod.import_task(pod.file("disk", content))
    return task.version, pod.prepare(task).manifest


def holder(pod: Pod, address: str = "", *, complete: bool = True) -> Holder:
    return Holder(pod=pod.name, address=address or pod.address, complete=complete)


def all_at_once(jobs: Sequence[Callable[[], Made]]) -> list[Made]:
    with ThreadPoolExecutor(len(jobs)) as pool:
        return [future.result() for future in [pool.submit(job) for job in jobs]]


@contextmanager
def background(work: Callable[[], object]) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(30)
        assert not thread.is_alive()


def test_the_source_uploads_an_image_for_eight_pods_about_once(pods: Pods) -> None:
    source = pods("source")
    content = os.urandom(96 * MIB + 4321)
    version, manifest = published(source, content)
    targets = [pods(f"pod-{number}") for number in range(8)]
    tasks = [target.copy_task(version, manifest, source, peers=targets) for target in targets]
    made = all_at_once([lambda pod=pod, task=task: pod.copy(task) for pod, task in zip(targets, tasks, strict=True)])
    assert source.door.sent <= 1.3 * len(content)
    for target, one in zip(targets, made, strict=True):
        assert root_of(target.disk(one.placed).read_bytes()) == manifest.disks[0].root
        assert one.network <= 1.05 * len(content)
        assert target.leftovers() == []


def test_pods_feed_each_other_the_parts_that_they_made_from_seeds(pods: Pods) -> None:
    source, one, two = pods("source"), pods("pod-1"), pods("pod-2")
    old = os.urandom(32 * MIB)
    version, manifest = published(source, old)
    one.copy(one.copy_task(version, manifest, source))
    new = os.urandom(MIB) + old[MIB:]
    task = source.import_task(source.file("new", new))
    manifest = source.prepare(task).manifest
    before = source.door.sent
    peers = [one, two]
    tasks = [pod.copy_task(task.version, manifest, source, peers=peers) for pod in peers]
    made = all_at_once([lambda pod=pod, task=task: pod.copy(task) for pod, task in zip(peers, tasks, strict=True)])
    assert made[0].reused == len(new) - MIB
    for pod, copy in zip(peers, made, strict=True):
        assert pod.disk(copy.placed).read_bytes() == new
    assert source.door.sent - before < 1.3 * len(new)


def test_a_peer_that_dies_midway_is_stood_in_for(pods: Pods) -> None:
    source, one, lost = pods("source"), pods("pod-1"), pods("lost")
    content = os.urandom(48 * MIB)
    version, manifest = published(source, content)
    cancel, ended = Cancel(), []
    lost.throttles.receive.rate = 4 * MIB  # so that it is in the midst of it for a while
    lost_task = lost.copy_task(version, manifest, source, peers=[one])

    def work() -> None:
        try:
            lost.copy(lost_task, cancel)
        except Cancelled as error:
            ended.append(error)

    with background(work):
        while lost.receiving.open(manifest.disks[0].root) is None:
            cancel.pause(0.01)
        threading.Timer(0.5, cancel.set).start()
        made = one.copy(one.copy_task(version, manifest, source, peers=[lost]))
    assert ended
    assert one.disk(made.placed).read_bytes() == content
    assert source.door.sent <= 2.0 * len(content)


def test_a_peer_that_gives_wrong_bytes_is_asked_once_and_no_more(pods: Pods) -> None:
    source, one, two = pods("source"), pods("pod-1"), pods("pod-2")
    content = os.urandom(32 * MIB)
    version, manifest = published(source, content)
    two.copy(two.copy_task(version, manifest, source))
    source.throttles.send.rate = 16 * MIB
    with misbehaving(two, Behaviour(flip=3)) as liar, capture_logs() as logs:
        holders = (holder(source), holder(two, liar, complete=False))
        made = one.copy(one.copy_task(version, manifest, holders=holders))
    assert one.disk(made.placed).read_bytes() == content
    blamed = [entry for entry in logs if entry["event"] == "holder_failed" and entry["code"] == "digest_mismatch"]
    assert {entry["pod"] for entry in blamed} == {"pod-2"}
    assert len(blamed) <= 2  # one for each thread that was asking it at the time


def test_a_peer_that_falls_silent_is_left_for_the_source(pods: Pods) -> None:
    source, one, two = pods("source"), pods("pod-1"), pods("pod-2")
    content = os.urandom(24 * MIB)
    version, manifest = published(source, content)
    two.copy(two.copy_task(version, manifest, source))
    silent = threading.Event()
    with misbehaving(two, Behaviour(silent=silent)) as mute, capture_logs() as logs:
        holders = (holder(source), holder(two, mute, complete=False))
        made = one.copy(one.copy_task(version, manifest, holders=holders))
    assert one.disk(made.placed).read_bytes() == content
    assert silent.is_set()
    assert ("holder_left", "pod-2") in [(entry["event"], entry.get("pod")) for entry in logs]


def test_a_slow_holder_is_left_for_a_fast_one(pods: Pods) -> None:
    slow, fast, one = pods("slow"), pods("fast"), pods("pod-1")
    content = os.urandom(64 * MIB)
    version, manifest = published(slow, content)
    fast.copy(fast.copy_task(version, manifest, slow))
    before = slow.door.sent
    with misbehaving(slow, Behaviour(pace=256 * 1024)) as address, capture_logs() as logs:
        holders = (holder(slow, address), holder(fast))
        made = one.copy(one.copy_task(version, manifest, holders=holders))
    assert one.disk(made.placed).read_bytes() == content
    assert slow.door.sent - before <= 12 * MIB
    assert fast.door.sent >= 52 * MIB
    assert ("holder_left", "slow") in [(entry["event"], entry.get("pod")) for entry in logs]


def test_with_one_thread_too_a_crawling_holder_is_left_for_one_that_was_never_asked(pods: Pods) -> None:
    slow, fast, one = pods("slow"), pods("fast"), pods("pod-1")
    content = os.urandom(8 * MIB)
    version, manifest = published(slow, content)
    fast.copy(fast.copy_task(version, manifest, slow))
    with misbehaving(slow, Behaviour(pace=64 * 1024)) as address:
        holders = (holder(slow, address), holder(fast))
        made = one.copy(one.copy_task(version, manifest, holders=holders), threads=1)
    assert one.disk(made.placed).read_bytes() == content


def test_several_complete_holders_share_the_load(pods: Pods) -> None:
    first, second, one = pods("pod-a"), pods("pod-b"), pods("pod-c")
    content = os.urandom(64 * MIB)
    version, manifest = published(first, content)
    second.copy(second.copy_task(version, manifest, first))
    before = first.door.sent
    for pod in (first, second):
        pod.throttles.send.rate = 64 * MIB
    one.copy(one.copy_task(version, manifest, first, second))
    assert first.door.sent - before > 8 * MIB
    assert second.door.sent > 8 * MIB


def test_a_peer_refuses_what_it_has_not_received_and_that_is_no_failure(pods: Pods) -> None:
    # The peer's own source is gone: it stays where it is, offering what it has, while the other one completes.
    source, one, two = pods("source"), pods("pod-1"), pods("pod-2")
    content = os.urandom(24 * MIB)
    version, manifest = published(source, content)
    root = manifest.disks[0].root
    failures: list[Refused] = []

    def work() -> None:
        try:
            two.copy(two.copy_task(version, manifest, holders=(holder(source, broken), holder(one, complete=False))))
        except Refused as error:
            failures.append(error)

    with misbehaving(source, Behaviour(stop_after=10 * MIB)) as broken, background(work):
        while (opened := two.receiving.open(root)) is None:
            threading.Event().wait(0.01)
        opened.close()
        made = one.copy(one.copy_task(version, manifest, source, peers=[two]))
        assert one.disk(made.placed).read_bytes() == content
    # It got the rest from the pod that completed, or gave up in time: nothing else.
    if not failures:
        assert two.disk(two.backend.find(version)).read_bytes() == content


def test_pods_feed_each_other_over_tls_and_compressed(pods: Pods, tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path / "authority")
    source, *targets = [pods(name, identity=authority.identity(name)) for name in ("source", "pod-1", "pod-2")]
    content = os.urandom(CHUNK) + (b"what can be made shorter, " * 50 + os.urandom(300)) * 20_000
    version, manifest = published(source, content)
    for target in targets:
        target.wire = Wire("zstd")
    tasks = [target.copy_task(version, manifest, source, peers=targets) for target in targets]
    made = all_at_once([lambda pod=pod, task=task: pod.copy(task) for pod, task in zip(targets, tasks, strict=True)])
    for target, one in zip(targets, made, strict=True):
        assert target.disk(one.placed).read_bytes() == content
        assert one.network < 0.6 * len(content)  # what travelled, not what it unpacked to
    assert source.door.sent < 0.8 * len(content)


def test_a_pod_that_shows_another_pods_certificate_is_not_believed(pods: Pods, tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path / "authority")
    source = pods("source", identity=authority.identity("source"))
    mallory = pods("mallory", identity=authority.identity("mallory"))
    one = pods("pod-1", identity=authority.identity("pod-1"))
    version, manifest = published(source, os.urandom(MIB))
    mallory.copy(mallory.copy_task(version, manifest, source))
    holders = (Holder(pod="source", address=mallory.address),)
    with pytest.raises(Refused, match="source_refused: source: its certificate"):
        one.copy(one.copy_task(version, manifest, holders=holders))


def test_what_is_on_its_way_is_offered_only_until_the_copy_ends(pods: Pods, tmp_path: Path) -> None:
    source, one = pods("source"), pods("pod-1")
    version, manifest = published(source, os.urandom(MIB))
    root = manifest.disks[0].root
    assert one.receiving.open(root) is None
    one.copy(one.copy_task(version, manifest, source))
    assert one.receiving.open(root) is None
    version, manifest = published(source, os.urandom(MIB + 1))
    with misbehaving(source, Behaviour(status=403)) as closed, pytest.raises(Refused):
        one.copy(one.copy_task(version, manifest, holders=(holder(source, closed),)))
    assert one.receiving.open(manifest.disks[0].root) is None


def test_a_pod_named_complete_that_only_receives_is_asked_like_a_peer(
    pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, half, target = pods("source"), pods("half"), pods("target")
    version, manifest = published(source, os.urandom(12 * MIB))
    asked: list[str] = []
    answer = Door._answered

    async def counted(self: Door, request: web.BaseRequest, caller: Caller) -> web.StreamResponse:
        asked.append(request.path.rpartition("/")[2])
        return await answer(self, request, caller)

    half.throttles.receive.rate = 64 * 1024  # so slow that nothing of it is whole for a while
    slowly, cancel = Cancel(), Cancel()

    def work() -> None:
        with suppress(Cancelled):
            half.copy(half.copy_task(version, manifest, source), slowly)

    with background(work):
        while half.receiving.open(manifest.disks[0].root) is None:
            cancel.pause(0.01)
        monkeypatch.setattr(Door, "_answered", counted)
        threading.Timer(1.0, cancel.set).start()
        with pytest.raises(Cancelled):
            target.copy(target.copy_task(version, manifest, half), cancel)
        slowly.set()
    assert asked.count("data") < 100


@pytest.mark.parametrize("complete", [True, False])
def test_a_holder_with_a_wrong_clock_is_left_for_the_others(
    complete: bool, pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.transfer.session.RENEWAL", 1.0)
    source, odd, target = pods("source"), pods("odd", door=False), pods("target")
    content = os.urandom(12 * MIB)
    version, manifest = published(source, content)
    check = Tickets(odd.hub.public)
    door = Door(LibraryShelf(odd.backend), lambda token, now: check(token, now + timedelta(days=1)), "127.0.0.1", 0)
    address = f"http://127.0.0.1:{door.open()}"
    try:
        holders = (holder(odd, address, complete=complete), holder(source))
        made = target.copy(target.copy_task(version, manifest, holders=holders))
    finally:
        door.close()
    assert target.disk(made.placed).read_bytes() == content


def test_a_copy_that_has_all_does_not_wait_for_a_peer_that_does_not_answer(
    pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.transfer.stream.SILENCE", 3600.0)
    source, target = pods("source"), pods("target")
    content = os.urandom(MIB)
    version, manifest = published(source, content)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        peer = Holder(pod="silent", address=f"http://127.0.0.1:{silent.getsockname()[1]}", complete=False)
        made = target.copy(target.copy_task(version, manifest, holders=(holder(source), peer)))
    assert target.disk(made.placed).read_bytes() == content
