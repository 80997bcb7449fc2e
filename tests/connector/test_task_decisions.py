"""What a connector decides on each word it hears, in whatever order the words come."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector import messages
from connector.domain.inventory import Inventory, differing, inventory, pages
from connector.domain.limits import PodLimits
from connector.domain.tasks import Closed, Copy, Discard, Import, Paused, Release, Task, Withdraw, same_work
from connector.handlers import CLOSED, INVENTORY, LIMITS, TASK, reactions
from contracts.errors import Failure
from contracts.events import Event, Speaker, from_pods, to_pods
from contracts.events.from_pods import Datastore, FileDigest, LibraryItem, Vm, VmDisk
from contracts.events.to_pods import Holder
from contracts.inventory import SECTIONS, VMS, root_of, section_of
from contracts.limits import Limits
from contracts.manifest import Disk, Manifest, Source
from contracts.topology import HEARS, MAX_MESSAGE
from runtime.work import Batch, Message, Work

NOW = datetime(2026, 1, 2, tzinfo=UTC)
POD = "pod-1"
VERSION, COPY = "v" * 32, f"{'v' * 32}_pod-1_0"
SOURCE = Source(pod=POD, name="golden")
DISK = Disk(role="os", lun=0, format="raw", size=1, virtual_size=1, root="a" * 64, sha256="b" * 64)
MANIFEST = Manifest(disks=(DISK,), source=SOURCE, created=NOW)
FAILURE = Failure(code="io_error", step="read", text="broken", retry=True)


class World:
    """The documents of one connector; messages are handled as the processor handles them."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], Any] = {}
        self.reminders: dict[str, Any] = {}
        self._reactions = reactions(POD)
        self._ids = 0

    def hear(self, body: Any, at: datetime = NOW) -> list[Event]:
        message = Message(f"m{self._ids}", "hub", at, "saga", body)
        batch = Batch(self._new_id)
        reaction = self._reactions[type(body)]
        for ref in reaction.keys(message, batch.get):
            batch.documents[ref.kind.name, ref.id or ""] = self.documents.get((ref.kind.name, ref.id or ""))
        work = Work(batch, message)
        assert reaction.handle(message, work) is None
        batch.accept(work)
        self.documents.update(batch.changed)
        self.reminders.update(batch.reminders)
        assert all(emitted.saga == "saga" for emitted in batch.emitted)
        return [emitted.event for emitted in batch.emitted]

    def _new_id(self) -> str:
        self._ids += 1
        return f"id{self._ids}"

    def task(self, id: str = VERSION) -> Task | None:
        return self.documents.get((TASK.name, id))

    def closed(self, id: str = VERSION) -> Closed | None:
        return self.documents.get((CLOSED.name, id))


@pytest.fixture
def world() -> World:
    return World()


def requested(attempt: int = 1, **more: Any) -> to_pods.SourceRequested:
    fields = {
        "pod": POD, "version": VERSION, "image": "i", "tenant": "t", "source": SOURCE, "mode": "clone",
        "file_type": None, "datastore": None, "deadline": NOW,
    }  # fmt: skip
    return to_pods.SourceRequested(attempt=attempt, **(fields | more))


def copy_requested(attempt: int = 1, **more: Any) -> to_pods.CopyRequested:
    fields = {
        "pod": POD, "copy": COPY, "version": VERSION, "image": "i", "tenant": "t", "manifest": MANIFEST,
        "holders": (Holder(pod="pod-2", address="http://h:1"),), "ticket": f"ticket-{attempt}",
    }  # fmt: skip
    return to_pods.CopyRequested(attempt=attempt, **(fields | more))


def extended(attempt: int = 1, *, hours: int = 2) -> to_pods.CopyExtended:
    return to_pods.CopyExtended(
        pod=POD, copy=COPY, version=VERSION, attempt=attempt, ticket="fresh",
        ticket_expires=NOW + timedelta(hours=hours),
        holders=(Holder(pod="pod-3", address="http://h:3", complete=False),),
    )  # fmt: skip


def withdrawn(attempt: int = 1) -> to_pods.CopyWithdrawn:
    return to_pods.CopyWithdrawn(pod=POD, copy=COPY, version=VERSION, attempt=attempt)


def import_done(attempt: int = 1) -> messages.ImportDone:
    return messages.ImportDone(version=VERSION, attempt=attempt, manifest=MANIFEST, datastore="main", warnings=("w",))


def import_rejected(attempt: int = 1) -> messages.ImportRejected:
    return messages.ImportRejected(version=VERSION, attempt=attempt, failure=FAILURE)


def copy_done(attempt: int = 1) -> messages.CopyDone:
    return messages.CopyDone(
        copy=COPY, version=VERSION, attempt=attempt, digest=MANIFEST.digest, datastore="main",
        files=(FileDigest(lun=0, format="raw", size=1, root="a" * 64),), bytes_network=5, bytes_reused=6,
    )  # fmt: skip


def copy_rejected(attempt: int = 1) -> messages.CopyRejected:
    return messages.CopyRejected(copy=COPY, version=VERSION, attempt=attempt, failure=FAILURE)


DROPPED = from_pods.CopyDropped(copy=COPY, version=VERSION, attempt=4)
DISCARDED = to_pods.SourceDiscarded(pod=POD, version=VERSION)
RELEASED = to_pods.SourceReleased(pod=POD, version=VERSION, source=SOURCE)
STARTED = from_pods.SourceStarted(version=VERSION, attempt=1)
PREPARED = from_pods.SourcePrepared(version=VERSION, attempt=1, manifest=MANIFEST, datastore="main", warnings=("w",))
REJECTED = from_pods.SourceRejected(version=VERSION, attempt=1, failure=FAILURE)


def test_an_import_keeps_what_the_image_expects_and_what_the_quotas_leave(world: World) -> None:
    expects = to_pods.Expected(os_type="linux", nvme=False)
    world.hear(requested(room=5, expects=expects, snapshot="before"))
    begun = world.task()
    assert isinstance(begun, Import)
    assert (begun.room, begun.expects, begun.snapshot) == (5, expects, "before")


PLUGINS = ("inject_image_metadata", "image_decompression")


def stepped(position: int = 2, attempt: int = 1) -> messages.ImportStepped:
    return messages.ImportStepped(version=VERSION, attempt=attempt, position=position)


STEPPED = from_pods.SourceStepped(version=VERSION, attempt=1, step="image_decompression", position=2, steps=2)


def test_b13_a_step_of_the_pod_is_told_once_and_the_work_goes_on(world: World) -> None:
    world.hear(requested(plugins=PLUGINS))
    begun = world.task()
    assert isinstance(begun, Import)
    assert begun.plugins == PLUGINS
    assert world.hear(stepped()) == [STEPPED]
    assert same_work(begun, world.task()), "what was told changes nothing about the work"  # type: ignore[arg-type]
    assert world.hear(stepped()) == []
    assert world.hear(stepped(attempt=2)) == []
    assert world.hear(import_done()) == [PREPARED]
    assert world.hear(stepped()) == []


def test_b13_a_step_whose_end_was_not_told_is_told_with_the_end_of_the_import(world: World) -> None:
    world.hear(requested(plugins=PLUGINS))
    assert world.hear(import_done()) == [STEPPED, PREPARED]


def test_b13_an_import_that_fails_tells_of_no_steps(world: World) -> None:
    world.hear(requested(plugins=PLUGINS))
    assert world.hear(import_rejected()) == [REJECTED]


def test_b13_a_sign_of_life_is_told_while_its_import_is_the_one_that_is_wanted(world: World) -> None:
    begun = messages.ImportBegun(version=VERSION, attempt=1)
    assert world.hear(begun) == []
    world.hear(requested(plugins=PLUGINS))
    assert world.hear(begun) == [STARTED]
    assert world.hear(messages.ImportBegun(version=VERSION, attempt=2)) == []


def test_an_inspection_is_told_while_its_import_is_the_one_that_is_wanted(world: World) -> None:
    word = messages.ImportInspected(version=VERSION, attempt=1, size=7)
    assert world.hear(word) == []
    world.hear(requested())
    told = from_pods.SourceInspected(version=VERSION, attempt=1, size=7)
    assert world.hear(word) == world.hear(word) == [told]
    assert isinstance(world.task(), Import)
    assert world.hear(messages.ImportInspected(version=VERSION, attempt=2, size=7)) == []
    world.hear(import_done())
    assert world.hear(word) == []


def test_an_import_that_is_given_up_takes_its_snapshot_along_and_a_deleted_version_does_not(world: World) -> None:
    for given_up in (True, False):
        world.hear(to_pods.SourceDiscarded(pod=POD, version=VERSION, given_up=given_up))
        assert world.task() == Discard(version=VERSION, saga="saga", given_up=given_up)


def test_the_handlers_answer_exactly_what_the_topology_lets_them_hear() -> None:
    heard = {kind for kind in reactions(POD) if issubclass(kind, Event)}
    assert heard == set(HEARS[Speaker.CONNECTOR])


def test_an_import_is_begun_once_however_often_it_is_asked_for(world: World) -> None:
    assert world.hear(requested()) == [], "it may have to wait for its turn (features.md B15)"
    begun = world.task()
    assert isinstance(begun, Import)
    assert (begun.attempt, begun.source, begun.saga) == (1, SOURCE, "saga")
    assert world.hear(requested()) == []
    assert world.task() is begun


def test_a_finished_import_is_told_and_closed(world: World) -> None:
    world.hear(requested())
    assert world.hear(import_done()) == [PREPARED]
    assert world.task() is None
    assert world.closed() == Closed(attempt=1, end="done")
    assert world.hear(import_done()) == []


def test_a_prepared_source_that_is_asked_for_again_is_looked_at_again(world: World) -> None:
    world.hear(requested())
    world.hear(import_done())
    assert world.hear(requested()) == []
    assert world.hear(import_done()) == [PREPARED]


def test_a_rejected_import_stays_rejected_for_its_attempt_and_may_be_tried_under_a_new_one(world: World) -> None:
    world.hear(requested())
    assert world.hear(import_rejected()) == [REJECTED]
    assert world.hear(requested()) == [REJECTED]
    assert world.task() is None
    assert world.hear(requested(2)) == []
    assert isinstance(world.task(), Import)
    assert world.hear(requested(1)) == []


def test_a_newer_attempt_replaces_an_import_and_the_older_ones_outcome_is_dropped(world: World) -> None:
    world.hear(requested(1))
    world.hear(requested(3, datastore="other"))
    assert world.hear(requested(2)) == []
    assert world.hear(import_done(1)) == []
    assert world.hear(import_rejected(2)) == []
    task = world.task()
    assert isinstance(task, Import)
    assert (task.attempt, task.datastore) == (3, "other")


def test_a_source_on_another_pod_is_rejected_at_once(world: World) -> None:
    (rejected,) = world.hear(requested(source=Source(pod="pod-2", name="golden")))
    assert isinstance(rejected, from_pods.SourceRejected)
    assert rejected.failure.code == "vm_not_found"
    assert world.task() is None


@pytest.mark.parametrize("before", [[], [requested()], [requested(), import_done()], [requested(), import_rejected()]])
def test_a_discard_is_carried_out_whenever_it_comes_and_nothing_begins_after_it(
    before: list[Any], world: World
) -> None:
    for body in before:
        world.hear(body)
    assert world.hear(DISCARDED) == []
    task = world.task()
    assert isinstance(task, Discard)
    for late in (requested(), requested(9), RELEASED, import_done(), import_rejected()):
        assert world.hear(late) == []
        assert world.task() == task
    assert world.hear(messages.Removed(done=task)) == []
    assert world.task() is None
    for late in (requested(), requested(9), RELEASED):
        assert world.hear(late) == []
        assert world.task() is None


def test_b3_a_source_that_is_kept_is_told_with_the_reason(world: World) -> None:
    world.hear(RELEASED)
    task = world.task()
    assert isinstance(task, Release)
    assert world.hear(messages.Released(done=task, kept="it was written to")) == [
        from_pods.SourceKept(version=VERSION, why="it was written to")
    ]
    assert world.task() is None


def test_a_release_is_carried_out_once_and_told_when_the_source_is_gone(world: World) -> None:
    world.hear(requested(mode="convert"))
    world.hear(import_done())
    world.hear(RELEASED)
    task = world.task()
    assert isinstance(task, Release)
    assert world.hear(requested(mode="convert")) == []
    assert world.hear(messages.Released(done=task)) == [from_pods.SourceDeleted(version=VERSION)]
    assert world.task() is None
    assert world.hear(messages.Released(done=task)) == []
    world.hear(RELEASED)
    assert world.hear(messages.Released(done=task, kept="another has its name")) == [
        from_pods.SourceKept(version=VERSION, why="another has its name")
    ]


def test_a_copy_is_made_told_and_closed(world: World) -> None:
    assert world.hear(copy_requested()) == []
    task = world.task(COPY)
    assert isinstance(task, Copy)
    assert task.ticket == "ticket-1"
    arrived = messages.CopyArrived(
        copy=COPY, version=VERSION, attempt=1, digest=MANIFEST.digest, bytes_network=5, bytes_reused=6
    )
    (transferred,) = world.hear(arrived)
    assert isinstance(transferred, from_pods.CopyTransferred)
    (finalised,) = world.hear(copy_done())
    assert isinstance(finalised, from_pods.CopyFinalised)
    assert (finalised.attempt, finalised.item, finalised.digest) == (1, VERSION, MANIFEST.digest)
    assert world.task(COPY) is None
    assert world.hear(arrived) == []
    assert world.hear(copy_done()) == []


def test_a_copy_asked_for_again_goes_on_or_is_looked_at_again(world: World) -> None:
    world.hear(copy_requested())
    first = world.task(COPY)
    world.hear(copy_requested())
    assert world.task(COPY) is first
    world.hear(copy_done())
    world.hear(copy_requested())
    assert world.task(COPY) == first


def test_a_newer_attempt_replaces_a_copy_and_an_older_word_changes_nothing(world: World) -> None:
    world.hear(copy_requested(2))
    for old in (copy_requested(1), withdrawn(1), copy_done(1), copy_rejected(1)):
        assert world.hear(old) == []
        task = world.task(COPY)
        assert isinstance(task, Copy)
        assert task.attempt == 2
    world.hear(copy_requested(3))
    task = world.task(COPY)
    assert isinstance(task, Copy)
    assert (task.attempt, task.ticket) == (3, "ticket-3")


def test_a_rejected_copy_is_told_and_may_be_tried_again(world: World) -> None:
    world.hear(copy_requested(1))
    (rejected,) = world.hear(copy_rejected(1))
    assert isinstance(rejected, from_pods.CopyRejected)
    assert rejected.failure == FAILURE
    world.hear(copy_requested(2))
    assert isinstance(world.task(COPY), Copy)


def test_a_withdrawal_takes_back_its_attempt_and_older_ones_only(world: World) -> None:
    world.hear(copy_requested(2))
    world.hear(withdrawn(2))
    task = world.task(COPY)
    assert isinstance(task, Withdraw)
    world.hear(copy_requested(2))
    assert world.task(COPY) == task
    world.hear(copy_requested(3))
    assert isinstance(world.task(COPY), Copy)
    assert world.hear(messages.Removed(done=task)) == []
    assert isinstance(world.task(COPY), Copy)


def test_a_withdrawal_that_was_carried_out_is_answered_each_time_it_is_said(world: World) -> None:
    for _ in range(2):
        assert world.hear(withdrawn(4)) == []
        task = world.task(COPY)
        assert isinstance(task, Withdraw)
        assert world.hear(messages.Removed(done=task)) == [DROPPED]
        assert world.task(COPY) is None
        assert world.hear(messages.Removed(done=task)) == []


def test_a_late_withdrawal_does_not_touch_a_copy_that_was_made_since(world: World) -> None:
    world.hear(copy_requested(2))
    world.hear(copy_done(2))
    world.hear(withdrawn(1))
    assert world.task(COPY) is None
    world.hear(withdrawn(2))
    assert isinstance(world.task(COPY), Withdraw)


def test_whatever_the_order_of_the_words_the_end_is_the_same(world: World) -> None:
    words = [copy_requested(1), withdrawn(1), copy_requested(2), withdrawn(2), copy_requested(3)]
    for order in permutations(words):
        shuffled = World()
        for word in order:
            shuffled.hear(word)
        task = shuffled.task(COPY)
        assert isinstance(task, Copy)
        assert task.attempt == 3


def test_ends_are_forgotten_when_no_message_can_be_on_its_way_any_more(world: World) -> None:
    world.hear(requested())
    world.hear(import_rejected())
    reminder = world.reminders[f"forget:{VERSION}"]
    assert (reminder.due - NOW).days == 8
    world.hear(reminder.body)
    assert world.closed() is None


# --- what the pod holds -----------------------------------------------------------------------------------------------


def vm(name: str, disks: int = 1) -> Vm:
    found = tuple(VmDisk(role="data", lun=lun, format="raw", size=10**12) for lun in range(disks))
    return Vm(name=name, os_type="linux", power="off", locked=False, disks=found)


def item(number: int, datastore: str = "main") -> LibraryItem:
    return LibraryItem(version=f"{number:032x}", datastore=datastore, digest="d" * 64, size=10**12)


def test_a_ticket_is_renewed_for_the_attempt_under_way_and_only_by_one_that_lasts_longer(world: World) -> None:
    world.hear(copy_requested(ticket_expires=NOW + timedelta(hours=1)))
    begun = world.task(COPY)
    assert isinstance(begun, Copy)
    assert world.hear(extended()) == []
    renewed = world.task(COPY)
    assert isinstance(renewed, Copy)
    assert (renewed.ticket, renewed.ticket_expires) == ("fresh", NOW + timedelta(hours=2))
    assert [holder.pod for holder in renewed.holders] == ["pod-3"]
    assert same_work(renewed, begun)
    for late in (extended(hours=1), extended(2, hours=9), extended(0, hours=9), extended()):
        world.hear(late)
        assert world.task(COPY) is renewed


def test_a_request_repeated_for_the_attempt_under_way_brings_its_ticket(world: World) -> None:
    world.hear(copy_requested(ticket_expires=NOW + timedelta(hours=1)))
    world.hear(copy_requested(ticket="second", ticket_expires=NOW + timedelta(hours=2)))
    task = world.task(COPY)
    assert isinstance(task, Copy)
    assert (task.ticket, task.ticket_expires) == ("second", NOW + timedelta(hours=2))
    world.hear(copy_requested(ticket="first", ticket_expires=NOW + timedelta(hours=1)))
    assert world.task(COPY) is task


def test_no_extension_begins_a_copy_or_touches_another_task(world: World) -> None:
    assert world.hear(extended()) == []
    assert world.task(COPY) is None
    world.hear(copy_requested())
    world.hear(withdrawn())
    gone = world.task(COPY)
    world.hear(extended())
    assert world.task(COPY) is gone


def test_more_time_is_asked_for_a_copy_that_is_still_wanted(world: World) -> None:
    asking = messages.CopyContinued(copy=COPY, version=VERSION, attempt=1)
    assert world.hear(asking) == []
    world.hear(copy_requested())
    assert world.hear(asking) == [from_pods.CopyContinued(copy=COPY, version=VERSION, attempt=1)]
    world.hear(copy_requested(2))
    assert world.hear(asking) == []


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({"ticket": "other", "ticket_expires": NOW, "holders": ()}, True),
        ({"attempt": 2}, False),
        ({"tenant": "u"}, False),
        ({"datastore": "fast"}, False),
    ],
)
def test_only_ticket_and_holders_may_change_under_a_copy_that_runs(
    world: World, other: dict[str, Any], same: bool
) -> None:
    world.hear(copy_requested())
    task = world.task(COPY)
    assert isinstance(task, Copy)
    assert same_work(msgspec.structs.replace(task, **other), task) is same
    assert not same_work(None, task)
    assert not same_work(Withdraw(version=VERSION, saga="saga", copy=COPY, attempt=1), task)


def test_a_corrupt_item_is_told_for_each_copy_that_it_stands_for(world: World) -> None:
    found = messages.Corrupted(
        version=VERSION, copies=(COPY, f"{VERSION}_pod-1_1"), digest=MANIFEST.digest, chunks=3, failure=FAILURE
    )
    said = world.hear(found)
    assert said == [
        from_pods.CopyCorrupted(copy=copy, version=VERSION, digest=MANIFEST.digest, chunks=3, failure=FAILURE)
        for copy in found.copies
    ]
    assert world.hear(msgspec.structs.replace(found, copies=())) == []


def test_the_latest_limits_are_kept_and_a_late_word_is_void(world: World) -> None:
    def told() -> PodLimits | None:
        return world.documents.get((LIMITS.name, "here"))

    assert world.hear(to_pods.LimitsChanged(pod=POD, revision=2, limits=Limits(copies=2))) == []
    assert told() == PodLimits(revision=2, limits=Limits(copies=2))
    for late in (1, 2):
        world.hear(to_pods.LimitsChanged(pod=POD, revision=late, limits=Limits(copies=9)))
    assert told() == PodLimits(revision=2, limits=Limits(copies=2))
    world.hear(to_pods.LimitsChanged(pod=POD, revision=3, limits=Limits()))
    assert told() == PodLimits(revision=3)


def test_the_root_is_of_what_is_there_and_not_of_its_order() -> None:
    vms, items = [vm("a"), vm("b")], [item(1), item(2)]
    root = inventory(vms, items).root
    assert inventory(vms[::-1], items[::-1]).root == root
    assert inventory(vms[:1], items).root != root
    assert inventory(vms, items[:1]).root != root
    assert inventory([vm("a"), vm("b", 2)], items).root != root


def test_pages_fit_into_messages_and_hold_everything_once() -> None:
    vms, items = [vm(f"vm-{n}", 64) for n in range(200)], [item(n) for n in range(2000)]
    found = inventory(vms, items)
    cut = pages(found, range(SECTIONS))
    assert [page.page for page in cut] == list(range(len(cut)))
    assert {(page.root, page.pages) for page in cut} == {(found.root, len(cut))}
    assert tuple(vm for page in cut for vm in page.vms) == found.vms
    assert tuple(item for page in cut for item in page.items) == found.items
    assert max(len(msgspec.json.encode(page)) for page in cut) < MAX_MESSAGE - 8192
    assert len(cut) > 10


def test_an_empty_pod_has_one_empty_page() -> None:
    (page,) = pages(inventory([], []), range(SECTIONS))
    assert (page.vms, page.items, page.page, page.pages) == ((), (), 0, 1)


def observed(*vms: Vm, items: Sequence[LibraryItem] = ()) -> messages.Observed:
    return messages.Observed(
        boot="b", inventory=inventory(vms, items), datastores=(Datastore(name="m", capacity=2, free=1),),
        dead_letters=3, working=("c:1",),
    )  # fmt: skip


def told(events: Sequence[Event]) -> list[from_pods.InventoryReported]:
    return [event for event in events if isinstance(event, from_pods.InventoryReported)]


def test_each_look_is_reported_and_of_the_inventory_only_what_changed(world: World) -> None:
    first = world.hear(observed(vm("a"), items=[item(1), item(2)]))
    assert [type(event) for event in first[-2:]] == [from_pods.InventoryReported, from_pods.PodReported]
    assert {section for page in told(first) for section in page.changed} == set(range(SECTIONS))
    again = world.hear(observed(vm("a"), items=[item(2), item(1)]))
    assert [type(event) for event in again] == [from_pods.PodReported]
    assert again[0].root == told(first)[0].root  # type: ignore[attr-defined]
    assert again[0].dead_letters == 3  # type: ignore[attr-defined]
    assert again[0].working == ("c:1",)  # type: ignore[attr-defined]
    (page,) = told(world.hear(observed(vm("a"), items=[item(1)])))
    assert (page.vms, page.items, page.changed) == ((), (), (section_of(item(2).version),))
    (page,) = told(world.hear(observed(vm("a"), vm("b"), items=[item(1)])))
    assert ([vm.name for vm in page.vms], page.items, page.changed) == (["a", "b"], (), (VMS,))


def test_a_hub_that_asks_is_told_what_it_lacks_of_what_was_told_last(world: World) -> None:
    ask = to_pods.InventoryRequested(pod=POD, root="?")
    assert world.hear(ask) == []
    first = told(world.hear(observed(vm("a"), items=[item(1), item(2)])))
    assert world.hear(ask) == first
    known = list(first[0].sections)
    (page,) = world.hear(msgspec.structs.replace(ask, known=tuple(known)))
    assert isinstance(page, from_pods.InventoryReported)
    assert (page.vms, page.items, page.changed, page.root) == ((), (), (), first[0].root)
    known[section_of(item(2).version)] = "0" * 16
    (page,) = world.hear(msgspec.structs.replace(ask, known=tuple(known)))
    assert isinstance(page, from_pods.InventoryReported)
    assert (page.vms, page.items) == ((), (item(2),))
    assert world.hear(msgspec.structs.replace(ask, known=("other",))) == first
    assert (INVENTORY.name, "here") in world.documents


def test_on_demand_the_next_look_tells_everything_though_nothing_changed(world: World) -> None:
    first = told(world.hear(observed(vm("a"), items=[item(1)])))
    assert world.hear(to_pods.InventoryRequested(pod=POD, root="", known=first[0].sections)) == []
    assert world.documents[INVENTORY.name, "here"] is None
    assert told(world.hear(observed(vm("a"), items=[item(1)]))) == first


def test_what_an_older_connector_kept_is_looked_at_again(world: World) -> None:
    world.documents[INVENTORY.name, "here"] = Inventory(root="old", vms=(vm("a"),), items=())
    assert world.hear(to_pods.InventoryRequested(pod=POD, root="?")) == []
    assert told(world.hear(observed(vm("a"))))[0].changed == tuple(range(SECTIONS))


@given(
    before=st.dictionaries(st.integers(0, 300), st.sampled_from(["x", "y"]), max_size=40),
    after=st.dictionaries(st.integers(0, 300), st.sampled_from(["x", "y"]), max_size=40),
)
def test_whoever_takes_over_the_sections_that_differ_holds_the_same(
    before: dict[int, str], after: dict[int, str]
) -> None:
    old = inventory([], [item(number, store) for number, store in before.items()])
    new = inventory([], [item(number, store) for number, store in after.items()])
    changed = differing(new, old.sections)
    kept = [one for one in old.items if section_of(one.version) not in changed]
    taken = [one for page in pages(new, changed, limit=400) for one in page.items]
    assert all(section_of(one.version) in changed for one in taken)
    merged = inventory([], [*kept, *taken])
    assert (merged.root, merged.items) == (new.root, new.items)
    assert root_of(new.sections) == new.root


# --- pauses, and a hub that was restored ------------------------------------------------------------------------------


def paused(attempt: int = 1) -> to_pods.CopyPaused:
    return to_pods.CopyPaused(pod=POD, copy=COPY, version=VERSION, attempt=attempt)


def test_a_pause_stops_the_attempt_without_a_word_and_a_later_attempt_resumes(world: World) -> None:
    world.hear(copy_requested(2))
    assert world.hear(paused(1)) == []
    assert isinstance(world.task(COPY), Copy)
    assert world.hear(paused(2)) == []
    task = world.task(COPY)
    assert isinstance(task, Paused)
    for late in (copy_requested(1), copy_requested(2), copy_done(2), copy_rejected(2), paused(1), withdrawn(1)):
        assert world.hear(late) == []
        assert world.task(COPY) == task
    world.hear(copy_requested(3))
    resumed = world.task(COPY)
    assert isinstance(resumed, Copy)
    assert resumed.attempt == 3
    assert world.hear(paused(2)) == []
    assert world.task(COPY) is resumed


def test_a_pause_that_comes_before_its_request_holds_it_back(world: World) -> None:
    world.hear(paused(1))
    world.hear(copy_requested(1))
    assert isinstance(world.task(COPY), Paused)


def test_a_copy_that_is_done_or_withdrawn_cannot_be_paused(world: World) -> None:
    world.hear(copy_requested(1))
    world.hear(copy_done(1))
    world.hear(paused(1))
    assert world.task(COPY) is None
    world.hear(withdrawn(1))
    task = world.task(COPY)
    world.hear(paused(1))
    assert world.task(COPY) is task


def test_a_paused_copy_can_be_withdrawn(world: World) -> None:
    world.hear(copy_requested(4))
    world.hear(paused(4))
    world.hear(withdrawn(4))
    task = world.task(COPY)
    assert isinstance(task, Withdraw)
    assert world.hear(messages.Removed(done=task)) == [DROPPED]


LATER = NOW + timedelta(hours=1)


@pytest.mark.parametrize("past", [[], [copy_done(7)], [copy_rejected(7)], [paused(7)], [withdrawn(7)]])
def test_a_hub_whose_database_was_restored_is_obeyed_though_its_attempts_start_lower(
    past: list[Any], world: World
) -> None:
    world.hear(copy_requested(7))
    for body in past:
        world.hear(body)
    assert world.hear(copy_requested(3), LATER) == []
    task = world.task(COPY)
    assert isinstance(task, Copy)
    assert task.attempt == 3
    (finalised,) = world.hear(copy_done(3))
    assert isinstance(finalised, from_pods.CopyFinalised)
    assert finalised.attempt == 3
    world.hear(withdrawn(2), LATER + timedelta(seconds=1))
    assert isinstance(world.task(COPY), Withdraw)


WORDS = (
    copy_requested(1), paused(1), copy_requested(2), withdrawn(2), copy_requested(3), paused(3), copy_requested(4),
    copy_requested(4, priority="urgent"), withdrawn(4),
)  # fmt: skip


@given(order=st.permutations(range(len(WORDS))), length=st.integers(1, len(WORDS)), again=st.lists(st.integers(0, 8)))
def test_whatever_the_order_of_delivery_the_last_word_that_was_said_stands(
    order: list[int], length: int, again: list[int]
) -> None:
    said = [place for place in order if place < length]
    shuffled = World()
    for place in [*said, *(place for place in again if place < length)]:
        shuffled.hear(WORDS[place], NOW + timedelta(seconds=place))
    last, task = WORDS[length - 1], shuffled.task(COPY)
    expected = {to_pods.CopyRequested: Copy, to_pods.CopyPaused: Paused, to_pods.CopyWithdrawn: Withdraw}[type(last)]
    assert isinstance(task, expected)
    assert task.attempt == last.attempt
    if isinstance(task, Copy) and isinstance(last, to_pods.CopyRequested):
        assert task.priority == last.priority
