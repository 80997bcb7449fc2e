"""Several copies of a version on one pod: each on its own datastore, made from the first, and gone alone."""

import os
from collections.abc import Callable
from pathlib import Path

import disk_images as images
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pods import Hub, Pod

from connector import copying
from connector.backends.base import Placed, Staging
from connector.backends.datastores import Datastores
from connector.backends.staging import DirectoryStaging
from connector.domain.tasks import Copy, Discard, Release, Withdraw
from connector.failures import Cancel, Cancelled, Refused
from connector.presence import look
from connector.removing import discard, release, withdraw
from connector.scrub import Scrub
from contracts.events.from_pods import Datastore
from contracts.manifest import CHUNK, Manifest
from contracts.names import copy_id

MIB = 1024 * 1024
Pods = Callable[..., Pod]
CONTENTS = {
    "raw": os.urandom(3 * MIB + 5) + bytes(2 * MIB),
    "qcow2": images.qcow2(data_clusters=9, body=os.urandom(images.CLUSTER)),
    "vhd": images.dynamic_vhd(),
    "fixed vhd": images.fixed_vhd(os.urandom(MIB)),
}


class Killed(BaseException):
    """The process died here."""


@pytest.fixture
def one(pods: Pods) -> Pod:
    return pods("pod-1")


@pytest.fixture
def two(pods: Pods) -> Pod:
    pod = pods("pod-2", door=False)
    with_datastores(pod, "second", "third")
    return pod


def with_datastores(pod: Pod, *names: str) -> None:
    for name in names:
        (pod.folder / "datastores" / name).mkdir()


def published(pod: Pod, content: bytes = CONTENTS["raw"], name: str = "disk") -> tuple[str, Manifest]:
    task = pod.import_task(pod.file(name, content))
    return task.version, pod.prepare(task).manifest


def asked(pod: Pod, version: str, manifest: Manifest, number: int, *holders: Pod, **more: object) -> Copy:
    more = {"copy": copy_id(version, pod.name, number), "replica": number} | more
    return pod.copy_task(version, manifest, *holders, **more)


def gone(task: Copy) -> Withdraw:
    return Withdraw(version=task.version, saga="", copy=task.copy, attempt=task.attempt)


def standing(pod: Pod, version: str) -> dict[str, tuple[str, ...]]:
    """The datastores that hold the version, with the replicas that each stands for."""
    return {
        placed.datastore: tuple(copy.rpartition("_")[2] for copy in placed.item.copies)
        for placed in pod.backend.held(version)
        if placed.intact
    }


def flip(path: Path, chunk: int) -> None:
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(chunk * CHUNK + 7)
        byte = file.read(1)
        file.seek(chunk * CHUNK + 7)
        file.write(bytes([byte[0] ^ 0xFF]))


@pytest.mark.parametrize("kind", CONTENTS)
def test_a_second_replica_is_made_from_the_first_without_the_network(kind: str, one: Pod, two: Pod) -> None:
    version, manifest = published(one, CONTENTS[kind])
    first = two.copy(asked(two, version, manifest, 0, one, datastore="main"))
    second = two.copy(asked(two, version, manifest, 1, datastore="second"))
    assert first.network > 0
    assert first.served == {"pod-1": first.network}
    assert (second.network, second.served, second.placed.datastore) == (0, {}, "second")
    assert two.disk(first.placed).read_bytes() == two.disk(second.placed).read_bytes() == CONTENTS[kind]
    assert two.disk(first.placed).stat().st_ino != two.disk(second.placed).stat().st_ino
    assert standing(two, version) == {"main": ("0",), "second": ("1",)}
    assert two.leftovers() == []


def test_where_blocks_can_be_shared_they_are_and_the_copy_is_verified_all_the_same(
    one: Pod, two: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clone(source: int, staging: Staging, name: str) -> bool:
        fd = os.open(name, os.O_RDWR | os.O_CREAT, 0o600, dir_fd=staging.folder)
        os.sendfile(fd, source, 0, os.fstat(source).st_size)
        os.close(fd)
        return True

    version, manifest = published(one)
    first = two.copy(asked(two, version, manifest, 0, one, datastore="main"))
    flip(two.disk(first.placed), 5)
    monkeypatch.setattr(two.backend, "clone", clone)
    second = two.copy(asked(two, version, manifest, 1, one, datastore="second"))
    assert two.disk(second.placed).read_bytes() == CONTENTS["raw"]
    assert 0 < second.network < 10 * CHUNK


def test_what_is_rotten_in_the_first_comes_from_a_holder_and_the_first_comes_into_doubt(one: Pod, two: Pod) -> None:
    version, manifest = published(one)
    first = two.copy(asked(two, version, manifest, 0, one, datastore="main"))
    flip(two.disk(first.placed), 3)
    second = two.copy(asked(two, version, manifest, 1, one, datastore="second"))
    assert two.disk(second.placed).read_bytes() == CONTENTS["raw"]
    assert second.rotten == 1
    assert two.backend.doubted() == {(version, "main")}


def test_a_corrupt_replica_is_quarantined_alone_and_repaired_from_the_other(one: Pod, two: Pod) -> None:
    version, manifest = published(one)
    tasks = [
        asked(two, version, manifest, number, one, datastore=name) for number, name in enumerate(("main", "second"))
    ]
    disks = [two.disk(two.copy(task).placed) for task in tasks]
    flip(disks[1], 2)
    scrub = Scrub(two.backend, lambda: 1.0, lambda: False, _deaf)
    assert scrub.check(version, "main") == []
    (rotten,) = scrub.check(version, "second")
    assert (rotten.datastore, rotten.item.copies) == ("second", (tasks[1].copy,))
    assert {item.datastore: item.state for item in look(two.backend)[0].items} == {
        "main": "INTACT",
        "second": "CORRUPT",
    }
    opened = two.backend.open(manifest.disks[0].root)
    assert opened is not None
    assert os.fstat(opened[0]).st_ino == disks[0].stat().st_ino
    for fd in opened:
        os.close(fd)
    repaired = two.copy(replace_holders(tasks[1]))
    assert (repaired.network, repaired.placed.datastore) == (0, "second")
    assert disks[1].read_bytes() == CONTENTS["raw"]
    assert standing(two, version) == {"main": ("0",), "second": ("1",)}


async def _deaf(_: object) -> None:
    """Nobody is told."""


def replace_holders(task: Copy) -> Copy:
    """The same copy in its next attempt, with nobody who could serve it."""
    return msgspec.structs.replace(task, holders=(), attempt=task.attempt + 1)


@pytest.mark.parametrize("leaving", [0, 1])
def test_withdrawing_one_replica_leaves_the_other_and_what_comes_about(leaving: int, one: Pod, two: Pod) -> None:
    version, manifest = published(one)
    tasks = [
        asked(two, version, manifest, number, one, datastore=name) for number, name in enumerate(("main", "second"))
    ]
    for task in tasks:
        two.copy(task)
    (two.folder / f"datastores/third/staging/{version}.2").mkdir(parents=True)
    for _ in range(2):
        withdraw(two.backend, gone(tasks[leaving]))
    left = ("main", "second")[1 - leaving]
    assert standing(two, version) == {left: (str(1 - leaving),)}
    assert two.leftovers() == [f"datastores/third/staging/{version}.2"]


def test_a_replica_on_the_source_pod_is_another_item_and_the_source_stays(one: Pod) -> None:
    with_datastores(one, "second")
    version, manifest = published(one)
    (source,) = one.backend.held(version)
    first, second = (asked(one, version, manifest, number, datastore=name) for number, name in ((0, None), (1, None)))
    assert one.copy(first).placed.datastore == source.datastore
    made = one.copy(second)
    assert made.network == 0
    assert made.placed.datastore != source.datastore
    withdraw(one.backend, gone(first))
    withdraw(one.backend, gone(second))
    assert standing(one, version) == {source.datastore: ()}
    assert one.backend.held(version)[0].item.source


def test_a_replica_may_not_lie_where_another_does_nor_where_there_is_no_datastore(one: Pod, two: Pod) -> None:
    version, manifest = published(one)
    two.copy(asked(two, version, manifest, 0, one, datastore="main"))
    with pytest.raises(Refused) as taken:
        two.copy(asked(two, version, manifest, 1, one, datastore="main"))
    assert (taken.value.failure.code, taken.value.failure.retry) == ("datastore_taken", True)
    with pytest.raises(Refused) as unknown:
        two.copy(asked(two, version, manifest, 1, one, datastore="fourth"))
    assert (unknown.value.failure.code, unknown.value.failure.retry) == ("datastore_not_found", False)
    for number, name in ((1, "second"), (2, "third")):
        two.copy(asked(two, version, manifest, number, one, datastore=name))
    with pytest.raises(Refused, match="datastore_not_found"):
        two.copy(asked(two, version, manifest, 3, one))
    assert two.leftovers() == []


def test_a_copy_that_may_lie_anywhere_leaves_the_datastores_that_others_are_to_have(one: Pod, two: Pod) -> None:
    version, manifest = published(one)
    made = two.copy(asked(two, version, manifest, 0, one), avoid={"main", "third"})
    assert made.placed.datastore == "second"
    other, manifest = published(one, b"small", "other")
    assert two.copy(asked(two, other, manifest, 0, one), avoid={"main", "second", "third"}).network > 0


def test_space_is_asked_for_where_the_replica_is_to_lie(one: Pod, two: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    room = {"main": 1 << 40, "second": 2 * MIB}
    monkeypatch.setattr("connector.backends.staging.DirectoryStaging.free", lambda staging: room[staging.datastore])
    version, manifest = published(one)
    two.copy(asked(two, version, manifest, 0, one, datastore="main"))
    with pytest.raises(Refused, match="no_space") as full:
        two.copy(asked(two, version, manifest, 1, one, datastore="second"))
    assert "second" in full.value.failure.text


def test_a_copy_that_is_intact_elsewhere_than_asked_is_told_where_it_is_and_never_made_twice(
    one: Pod, two: Pod
) -> None:
    version, manifest = published(one)
    made = two.copy(asked(two, version, manifest, 0, one, datastore="second"))
    for attempt, name in enumerate((None, "main", "second", "unknown"), 2):
        again = two.copy(asked(two, version, manifest, 0, datastore=name, attempt=attempt))
        assert (again.placed, again.network) == (made.placed, 0)
    assert len(two.backend.held(version)) == 1


def test_a_repair_on_another_datastore_takes_the_place_of_what_was_corrupt(one: Pod, two: Pod) -> None:
    version, manifest = published(one)
    task = asked(two, version, manifest, 0, one, datastore="main")
    flip(two.disk(two.copy(task).placed), 1)
    Scrub(two.backend, lambda: 1.0, lambda: False, _deaf).check(version)
    moved = two.copy(msgspec.structs.replace(task, attempt=2, datastore="second"))
    assert standing(two, version) == {"second": ("0",)}
    assert moved.network < 2 * MIB
    assert len(two.backend.held(version)) == 1
    assert two.leftovers() == []


@pytest.mark.parametrize("label", ["copy.fetched", "copy.renamed"])
def test_a_replica_whose_making_was_killed_is_finished_and_no_second_item_stays(
    label: str, one: Pod, two: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    version, manifest = published(one)
    task = asked(two, version, manifest, 0, one, datastore="main")
    flip(two.disk(two.copy(task).placed), 1)
    Scrub(two.backend, lambda: 1.0, lambda: False, _deaf).check(version)
    again = msgspec.structs.replace(task, attempt=2, datastore="second")

    def die(here: str) -> None:
        if here == label:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(copying, "crash_at", die)
        with pytest.raises(Killed):
            two.copy(again)
    finished = two.copy(msgspec.structs.replace(again, holders=()))
    assert (finished.network, finished.placed.datastore) == (0, "second")
    assert [placed.datastore for placed in two.backend.held(version)] == ["second"]
    assert two.leftovers() == []


def test_an_item_that_a_pod_of_another_name_left_is_adopted_and_can_be_withdrawn(one: Pod, two: Pod) -> None:
    version, manifest = published(one)
    made = two.copy(asked(two, version, manifest, 0, one, datastore="main"))
    foreign = msgspec.structs.replace(made.placed.item, copies=(copy_id(version, "pod-9", 0),))
    two.backend.note(foreign, "main")
    task = asked(two, version, manifest, 0, datastore=None)
    assert two.copy(task).placed.item.copies == (task.copy,)
    two.backend.note(foreign, "main")
    withdraw(two.backend, gone(task))
    assert two.backend.held(version) == []


def test_an_item_whose_files_vanished_is_not_reported_and_made_anew_when_it_is_asked_for(one: Pod, two: Pod) -> None:
    version, manifest = published(one)
    tasks = [
        asked(two, version, manifest, number, one, datastore=name) for number, name in enumerate(("main", "second"))
    ]
    disks = [two.disk(two.copy(task).placed) for task in tasks]
    disks[0].unlink()
    assert [(item.datastore, item.copies) for item in look(two.backend)[0].items] == [("second", (tasks[1].copy,))]
    again = two.copy(replace_holders(tasks[0]))
    assert (again.network, again.placed.datastore) == (0, "main")
    assert disks[0].read_bytes() == CONTENTS["raw"]


# --- shallow ----------------------------------------------------------------------------------------------------------


def test_a_shallow_copy_registers_the_item_that_is_there_and_moves_nothing(one: Pod) -> None:
    version, manifest = published(one)
    made = one.copy(asked(one, version, manifest, 0, shallow=True))
    assert (made.network, made.placed.item.source, len(made.placed.item.copies)) == (0, True, 1)


@pytest.mark.parametrize("case", ["none", "corrupt", "vanished"])
def test_a_shallow_copy_without_an_intact_item_is_refused_for_good(case: str, one: Pod, two: Pod) -> None:
    version, manifest = published(one)
    pod, holders = (two, [one]) if case == "none" else (one, [])
    if case != "none":
        disk = one.disk(one.backend.find(version))
        if case == "corrupt":
            flip(disk, 0)
            Scrub(one.backend, lambda: 1.0, lambda: False, _deaf).check(version)
        else:
            disk.unlink()
    with pytest.raises(Refused) as refusal:
        pod.copy(asked(pod, version, manifest, 0, *holders, shallow=True))
    assert (refusal.value.failure.code, refusal.value.failure.retry) == ("copy_missing", False)
    assert refusal.value.failure.hint
    assert pod.leftovers() == []


# --- sources ----------------------------------------------------------------------------------------------------------


def test_a_source_is_released_by_its_own_item_and_discarded_without_its_replicas(one: Pod) -> None:
    with_datastores(one, "alpha", "zeta")  # found before and after the source's
    source = one.vm()
    task = one.import_task(source, mode="convert", datastore="main")
    manifest = one.prepare(task).manifest
    for number, name in ((1, "alpha"), (2, "zeta")):
        assert one.copy(asked(one, task.version, manifest, number, datastore=name)).network == 0
    assert not release(one.backend, Release(version=task.version, saga="", source=source))
    discard(one.backend, Discard(version=task.version, saga=""))
    assert standing(one, task.version) == {"alpha": ("1",), "zeta": ("2",)}


# --- anything, in any order -------------------------------------------------------------------------------------------

STORES = ("main", "second", "third")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["copy", "withdraw", "vanish", "rot", "cancel", "again"]),
        st.integers(0, 2),
        st.sampled_from([None, *STORES]),
    ),
    max_size=14,
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_whatever_happens_each_copy_has_one_item_of_its_own(
    steps: list[tuple[str, int, str | None]], one: Pod, tmp_path_factory: pytest.TempPathFactory, hub: Hub
) -> None:
    """Copies are made, cut off, withdrawn, lost and rotten in any order: no item stands for two replicas, no replica
    has two items, what was told as made is there, and what was withdrawn is gone."""
    if not (found := one.backend.items()):
        published(one, os.urandom(5 * CHUNK))
        found = one.backend.items()
    version, manifest = found[0].item.version, found[0].item.manifest
    two = Pod("pod-2", tmp_path_factory.mktemp("pod"), hub)
    with_datastores(two, *STORES[1:])
    present: dict[int, str] = {}
    codes: set[str] = set()
    stopped = 0
    try:
        for step, number, name in steps:
            task = asked(two, version, manifest, number, one, datastore=name)
            mine = [placed for placed in two.backend.held(version) if task.copy in placed.item.copies]
            if step in ("copy", "again", "cancel"):
                cancel = Cancel()
                if step == "cancel":
                    cancel.set()
                try:
                    made = two.copy(task, cancel)
                except Refused as refusal:
                    codes.add(refusal.failure.code)
                except Cancelled:
                    stopped += 1
                else:
                    assert made.placed.intact
                    present[number] = made.placed.datastore
            elif step == "withdraw":
                withdraw(two.backend, gone(task))
                present.pop(number, None)
            elif mine:
                damage(two, mine[0], step)
                present.pop(number, None)
            assert sound(two, version) == present
        assert codes <= {"datastore_taken", "datastore_not_found"}
        assert stopped <= [step for step, *_ in steps].count("cancel")
    finally:
        two.backend.close()


def damage(pod: Pod, placed: Placed, step: str) -> None:
    if step == "vanish":
        pod.disk(placed).unlink(missing_ok=True)
    elif placed.intact:
        flip(pod.disk(placed), 1)
        Scrub(pod.backend, lambda: 1.0, lambda: False, _deaf).check(placed.item.version, placed.datastore)


def sound(pod: Pod, version: str) -> dict[int, str]:
    """Where each replica is intact; checks that none is twice and no item is two."""
    where: dict[int, str] = {}
    for placed in pod.backend.held(version):
        assert len(placed.item.copies) == 1
        number = int(placed.item.copies[0].rpartition("_")[2])
        assert number not in where
        if placed.intact:
            where[number] = placed.datastore
    return where


@pytest.mark.parametrize("away", ["main", "second"])
def test_a_datastore_that_comes_back_after_its_copy_was_made_anew_keeps_nothing_of_it(
    away: str, one: Pod, two: Pod, tmp_path: Path
) -> None:
    version, manifest = published(one)
    stores = ("main", "second")
    for number, name in enumerate(stores):
        disk = two.disk(two.copy(asked(two, version, manifest, number, one, datastore=name)).placed)
        os.utime(disk, (1, 1))  # long ago
    number, folder = stores.index(away), two.folder / "datastores" / away
    folder.rename(tmp_path / "away")
    again = two.copy(asked(two, version, manifest, number, datastore="third"))
    (tmp_path / "away").rename(folder)
    assert set(standing(two, version)) == {"main", "second", "third"}
    told = {item.datastore for item in look(two.backend)[0].items}
    assert told == {"main", "second", "third"} - {away}
    assert standing(two, version)["third"] == (str(number),)
    assert two.disk(again.placed).read_bytes() == CONTENTS["raw"]
    assert two.leftovers() == []


def test_a_source_that_comes_back_stays_without_the_copy_that_was_made_anew(
    one: Pod, pods: Pods, tmp_path: Path
) -> None:
    with_datastores(one, "second")
    version, manifest = published(one)
    other = pods("pod-3")
    other.copy(asked(other, version, manifest, 0, one))
    source = one.copy(asked(one, version, manifest, 0)).placed
    os.utime(one.disk(source), (1, 1))  # long ago
    folder = one.folder / "datastores" / source.datastore
    folder.rename(tmp_path / "away")
    one.copy(asked(one, version, manifest, 0, other, datastore="second"))
    (tmp_path / "away").rename(folder)
    look(one.backend)
    assert standing(one, version) == {source.datastore: (), "second": ("0",)}
    assert one.backend.find(version, source.datastore).item.source  # type: ignore[union-attr]


def test_a_copy_whose_datastore_filled_up_is_made_on_another_that_has_room(
    one: Pod, pods: Pods, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = pods("pod-2", door=False)
    version, manifest = published(one)
    with monkeypatch.context() as full:
        full.setattr(DirectoryStaging, "free", lambda _: 0)
        with pytest.raises(Refused, match="no_space"):
            two.copy(asked(two, version, manifest, 0, one))
        assert two.leftovers() != [], "there is nowhere else: what was made of it stays for the next attempt"
        with_datastores(two, "second")
        with pytest.raises(Refused, match="no_space"):
            two.copy(asked(two, version, manifest, 0, one, datastore="main"))
        assert two.leftovers() != []
        full.setattr(DirectoryStaging, "free", lambda staging: 0 if staging.datastore == "main" else 1 << 40)
        full.setattr(Datastores, "listed", _full(Datastores.listed, "main"))
        with pytest.raises(Refused, match="no_space"):
            two.copy(asked(two, version, manifest, 0, one))
        made = two.copy(asked(two, version, manifest, 0, one))
    assert made.placed.datastore == "second"
    assert two.leftovers() == []


def _full(listed: Callable[[Datastores], list[Datastore]], name: str) -> Callable[[Datastores], list[Datastore]]:
    def found(self: Datastores) -> list[Datastore]:
        return [msgspec.structs.replace(store, free=0) if store.name == name else store for store in listed(self)]

    return found
