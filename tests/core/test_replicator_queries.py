"""The replicator's read side, over a real database."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import Problem
from contracts.events.from_pods import InventoryReported, LibraryItem, Vm
from contracts.requests import REPLIES, Actor, CopyPage, GetPod, GetPodLibrary, GetPodVms, ListCopies, ListPods
from contracts.terms import Targets
from contracts.views import ItemView
from core.replicating import (
    FILES,
    MANIFEST,
    SAGA,
    TENANT,
    VERSION,
    announcement,
    finalised,
    publishing,
    rejected,
    transferred,
)
from harness.wait import until
from replicator.definition import definition
from replicator.queries.pages import LARGEST_REPLY, fitting
from replicator.settings import ReplicatorSettings
from runtime.deadlines import Deadlines
from runtime.ids import new_id
from runtime.processor import Processor
from runtime.requests import Query
from runtime.store import Store
from runtime.work import Message

OWNER = Actor(tenant=TENANT, name="ann", roles=("owner",))
OPERATOR = Actor(tenant="default", name="root", roles=("operator",))
STRANGER = Actor(tenant="other", name="bob", roles=("owner",))


class Stored:
    """The replicator over its own store, without NATS."""

    def __init__(self, store: Store, processor: Processor, queries: Mapping[Any, Query]) -> None:
        self.reader = store.reader
        self._store = store
        self._processor = processor
        self._queries = queries

    async def say(self, speaker: str, *bodies: Any) -> None:
        """Have words handled, all in one batch."""
        at = datetime.now(UTC)
        await asyncio.gather(*(self._processor.ask(Message(new_id(), speaker, at, SAGA, body)) for body in bodies))
        await until(self._quiet)

    async def _quiet(self) -> bool:
        """Whether everything was handled that the service told itself to do at once."""
        due = await self._store.next_due()
        return due is None or due > time.time()

    async def ask(self, request: Any) -> Any:
        """The reply to a query, which is of the promised kind."""
        reply = await self._queries[type(request)](request, self.reader)
        assert isinstance(reply, REPLIES[type(request)] | Problem)
        return reply


@pytest.fixture
async def stored(tmp_path: Path) -> AsyncIterator[Stored]:
    made = definition(ReplicatorSettings(data=str(tmp_path), enrolment="open"))
    assert made.migrations is not None
    async with Store.open(tmp_path / "replicator.sqlite", made.migrations) as store:
        processor = Processor(store, made.reactions)
        running = asyncio.create_task(processor.run())
        reminding = asyncio.create_task(Deadlines(store, processor, made.local).run())
        yield Stored(store, processor, made.queries)
        reminding.cancel()
        processor.stop()
        await running


async def published(stored: Stored, *pods: str) -> None:
    for name in pods:
        await stored.say(f"pod:{name}", announcement())
    await stored.say("catalog", publishing(deadline=datetime.now(UTC) + timedelta(hours=1)))


async def test_copies_are_shown_as_they_stand(stored: Stored) -> None:
    await published(stored, "pod-1", "pod-2", "pod-3", "pod-4")
    await stored.say("pod:pod-1", finalised("pod-1"))
    await stored.say("pod:pod-2", rejected("pod-2"))
    await stored.say("pod:pod-3", transferred("pod-3"))
    page = await stored.ask(ListCopies(actor=OWNER, version=VERSION))
    assert [(copy.pod, copy.state, copy.bytes_done) for copy in page.items] == [
        ("pod-1", "AVAILABLE", MANIFEST.size), ("pod-2", "RETRY_PENDING", 0), ("pod-3", "FINALIZING", MANIFEST.size),
        ("pod-4", "REPLICATING", 0),
    ]  # fmt: skip
    first, second = page.items[:2]
    assert (first.digest, first.datastore, first.bytes_network) == (MANIFEST.digest, "store", 1200)
    assert (second.failure.code, len(second.history), second.bytes_total) == ("source_unreachable", 1, MANIFEST.size)
    assert second.next_attempt > second.updated


async def test_copies_come_in_pages_without_gap_or_repetition(stored: Stored) -> None:
    pods = [f"pod-{number}" for number in range(7)]
    await published(stored, *pods)
    seen: list[str] = []
    cursor = None
    for size in (3, 3, 1):
        page = await stored.ask(ListCopies(actor=OWNER, version=VERSION, limit=3, cursor=cursor))
        assert len(page.items) == size
        seen += [copy.pod for copy in page.items]
        cursor = page.next
    assert (seen, cursor) == (pods, None)


@pytest.mark.parametrize(
    "request_",
    [
        ListCopies(actor=OWNER, version="f" * 32),
        ListCopies(actor=OWNER, version="%"),
        ListCopies(actor=STRANGER, version=VERSION),
        ListCopies(actor=OWNER, version=VERSION, cursor="zzz"),
    ],
)
async def test_of_an_unknown_or_foreign_version_there_are_no_copies(stored: Stored, request_: ListCopies) -> None:
    await published(stored, "pod-1")
    assert await stored.ask(request_) == CopyPage(items=())


async def test_pods_come_by_name_and_in_pages(stored: Stored) -> None:
    for name in ("pod-b", "pod-a", "pod-c"):
        await stored.say(f"pod:{name}", announcement(boot=name))
    first = await stored.ask(ListPods(actor=OWNER, limit=2))
    assert ([pod.name for pod in first.items], first.next) == (["pod-a", "pod-b"], "pod-b")
    last = await stored.ask(ListPods(actor=OWNER, limit=2, cursor=first.next))
    assert ([pod.name for pod in last.items], last.next) == (["pod-c"], None)
    one = await stored.ask(GetPod(actor=OWNER, pod="pod-a"))
    assert one == first.items[0]
    assert (one.state, one.formats, one.datastores[0].free) == ("CONNECTED", ("qcow2", "raw"), 9_000)


@pytest.mark.parametrize("kind", [GetPod, GetPodVms, GetPodLibrary])
async def test_an_unknown_pod_is_not_found(stored: Stored, kind: Any) -> None:
    reply = await stored.ask(kind(actor=OWNER, pod="pod-9"))
    assert (reply.code, reply.status) == ("pod_not_found", 404)


def version_of(name: str) -> str:
    """A version's id that can be read."""
    return name.encode().hex().rjust(32, "0")


def name_of(version: str) -> str:
    return bytes.fromhex(version.lstrip("0")).decode()


def page(root: str, number: int = 0, pages: int = 1) -> InventoryReported:
    vm = Vm(name=f"{root}-{number}", os_type="linux", power="off", locked=False, disks=())
    item = LibraryItem(version=version_of(f"{root}-{number}"), datastore="store", digest="a" * 64, size=2**62)
    return InventoryReported(root=root, page=number, pages=pages, vms=(vm,), items=(item,))


async def names(stored: Stored) -> tuple[list[str], list[str]]:
    vms = await stored.ask(GetPodVms(actor=OWNER, pod="pod-1"))
    items = await stored.ask(GetPodLibrary(actor=OPERATOR, pod="pod-1"))
    assert (vms.at is None) == (items.at is None) == (vms.items == ())
    return [vm.name for vm in vms.items], [name_of(item.version) for item in items.items]


async def test_an_inventory_is_seen_whole_or_not_at_all(stored: Stored) -> None:
    await stored.say("pod:pod-1", announcement())
    assert await names(stored) == ([], [])
    await stored.say("pod:pod-1", page("a", 0, 2))
    assert await names(stored) == ([], [])
    await stored.say("pod:pod-1", page("a", 1, 2))
    assert await names(stored) == (["a-0", "a-1"], ["a-0", "a-1"])
    await stored.say("pod:pod-1", page("b", 0, 2))
    assert await names(stored) == (["a-0", "a-1"], ["a-0", "a-1"])


async def test_inventories_that_come_in_one_batch_end_with_the_last(stored: Stored) -> None:
    await stored.say("pod:pod-1", announcement())
    await stored.say("pod:pod-1", page("a"), page("b", 0, 2), page("c"), page("a"))
    assert await names(stored) == (["a-0"], ["a-0"])
    await stored.say("pod:pod-1", page("d"))
    assert await names(stored) == (["d-0"], ["d-0"])
    for table in ("vms", "items"):
        assert await stored.reader.rows(f"SELECT count(*) FROM {table}") == [(1,)]


async def test_an_item_of_a_pod_is_shown_with_its_size_whatever_that_is(stored: Stored) -> None:
    await stored.say("pod:pod-1", announcement())
    await stored.say("pod:pod-1", page("a"))
    library = await stored.ask(GetPodLibrary(actor=OPERATOR, pod="pod-1"))
    assert (library.items[0].size, library.items[0].datastore) == (2**62, "store")


async def test_a_report_with_absurd_numbers_does_no_harm(stored: Stored) -> None:
    await published(stored, "pod-1")
    await stored.say("pod:pod-1", finalised("pod-1", bytes_network=2**62, files=FILES))
    found = await stored.ask(ListCopies(actor=OWNER, version=VERSION))
    assert found.items[0].bytes_network == 2**62


async def test_each_item_of_a_library_says_what_the_hub_makes_of_it(stored: Stored) -> None:
    await published(stored, "pod-1", "pod-2")
    await stored.say("pod:pod-1", finalised("pod-1"))
    elsewhere = publishing(version="2" * 32, targets=Targets(kind="list", pods=("pod-2",)))
    await stored.say("catalog", elsewhere)
    versions = {VERSION: False, "2" * 32: False, "3" * 32: False, "4" * 32: True}
    items = tuple(
        LibraryItem(version=version, datastore="store", digest=MANIFEST.digest, size=1, source=source)
        for version, source in versions.items()
    )
    await stored.say("pod:pod-1", InventoryReported(root="a", page=0, pages=1, vms=(), items=items))
    library = await stored.ask(GetPodLibrary(actor=OPERATOR, pod="pod-1"))
    assert {item.version: item.standing for item in library.items} == {
        VERSION: "wanted",
        "2" * 32: "surplus",
        "3" * 32: "unknown",
        "4" * 32: "source",
    }
    pod = await stored.ask(GetPod(actor=OWNER, pod="pod-1"))
    assert pod.drift == 2
    assert pod.inventory_at is not None


async def test_what_a_pod_holds_comes_in_pages(stored: Stored) -> None:
    await stored.say("pod:pod-1", announcement())
    vms = tuple(Vm(name=f"vm-{n}", os_type="linux", power="off", locked=False, disks=()) for n in range(5))
    items = tuple(
        LibraryItem(version=f"{n // 2:032x}", datastore=f"store-{n % 2}", digest="a" * 64, size=1) for n in range(2, 7)
    )
    await stored.say("pod:pod-1", InventoryReported(root="a", page=0, pages=1, vms=vms, items=items))
    for kind in (GetPodVms, GetPodLibrary):
        whole = await stored.ask(kind(actor=OPERATOR, pod="pod-1"))
        assert (len(whole.items), whole.next) == (5, None)
        seen, cursor = [], None
        for count in (2, 2, 1):
            part = await stored.ask(kind(actor=OPERATOR, pod="pod-1", limit=2, cursor=cursor))
            assert len(part.items) == count
            seen += part.items
            cursor = part.next
        assert (tuple(seen), cursor) == (whole.items, None)


async def test_sources_of_two_kinds_may_have_the_same_name_and_come_in_pages_too(stored: Stored) -> None:
    await stored.say("pod:pod-1", announcement())
    kinds = ("disk", "snapshot", "template", "vm")
    vms = tuple(
        Vm(name=name, os_type="linux", power="off", locked=False, disks=(), kind=kind, capabilities=("nvme",))
        for name in ("a", "b")
        for kind in kinds
    )
    await stored.say("pod:pod-1", InventoryReported(root="a", page=0, pages=1, vms=vms, items=()))
    seen, cursor = [], None
    for _ in range(4):
        part = await stored.ask(GetPodVms(actor=OWNER, pod="pod-1", limit=2, cursor=cursor))
        seen += [(vm.name, vm.kind) for vm in part.items]
        cursor = part.next
    assert cursor is None
    assert sorted(seen) == [(name, kind) for name in ("a", "b") for kind in kinds]
    assert part.items[0].capabilities == ("nvme",)


def test_a_page_is_no_larger_than_a_reply_and_never_empty() -> None:
    item = ItemView(version="1" * 32, datastore="d" * 1000, digest="a" * 64, size=1)
    cut = fitting([item] * 1000)
    assert 600 < len(cut) < 1000
    huge = ItemView(version="1" * 32, datastore="d" * LARGEST_REPLY, digest="a" * 64, size=1)
    assert fitting([huge, item]) == (huge,)
