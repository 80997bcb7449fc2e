"""Reactions to inventories: asked for, taken in page by page, kept until they are compared (`healing`)."""

from collections.abc import Iterator

import msgspec

from contracts.errors import Problem
from contracts.events.from_pods import InventoryReported, Vm
from contracts.events.to_pods import InventoryRequested
from contracts.inventory import SECTIONS, VMS
from contracts.requests import RequestInventory
from contracts.requests.replies import Done
from replicator.config import Config
from replicator.documents import ENTRIES, HELD, INVENTORY, LEDGER, POD, QUEUE
from replicator.domain.held import held_id
from replicator.domain.inventory import (
    Collecting,
    Entries,
    Ledger,
    Todo,
    by_section,
    collect,
    doubted,
    entries_ids,
    settled,
    taken_over,
)
from replicator.domain.pod import Pod, Removed, reporting, with_inventory
from replicator.domain.queue import without_unseen
from replicator.domain.tenancy import known_to
from replicator.slots import put_queue
from replicator.upkeep import remind_compare
from replicator.views import no_pod
from runtime.work import Get, Message, Ref, Work

PUT_VM = "INSERT OR REPLACE INTO vms (pod, generation, name, body) VALUES (?, ?, ?, ?)"
DROP_VMS = "DELETE FROM vms WHERE pod = ? AND generation < ?"
DROP_UNFINISHED_VMS = "DELETE FROM vms WHERE pod = ? AND generation > ? AND generation < ?"
DROP_ALL_VMS = "DELETE FROM vms WHERE pod = ?"
DROP_ALL_ITEMS = "DELETE FROM items WHERE pod = ?"
# The statements of a batch run one kind after the other, whatever the order of its messages: rows of a generation are
# only ever put, and only generations older than a complete one are dropped, so the order does not matter.


def page_keys(message: Message[InventoryReported], _: Get) -> Iterator[Ref]:
    """The pod, what came of its inventory so far, and what it reported before. Entries are only ever put."""
    yield POD(message.pod)
    yield INVENTORY(message.pod)
    yield LEDGER(message.pod)


def page(message: Message[InventoryReported], work: Work, _: Config) -> None:
    """Keep a page; with the last one the sections that it brought are compared with what should be there."""
    name, words = message.pod, message.body
    pod = work.get(POD, name)
    if pod is None:
        return
    before = work.get(INVENTORY, name)
    ledger = work.get(LEDGER, name) or Ledger()
    collecting = collect(before, pod, max(pod.generation, ledger.generation), words, message.at)
    if collecting is None:
        return
    if before is not None and before.generation != collecting.generation:
        _abandon(work, pod, before, collecting.generation)
    for vm in words.vms:
        work.write(PUT_VM, name, collecting.generation, _listed_as(vm), msgspec.json.encode(vm).decode())
    for section, items in by_section(words).items():
        work.put(ENTRIES, f"{name}/{collecting.generation}/{section}/{words.page}", Entries(items))
    if collecting.complete:
        _take_over(work, pod, collecting)
    else:
        work.put(INVENTORY, name, collecting)


def _listed_as(vm: Vm) -> str:
    """What a VM, or another source, is listed as: two of different kinds may have the same name."""
    return vm.name if vm.kind == "vm" else f"{vm.name}/{vm.kind}"


def _abandon(work: Work, pod: Pod, before: Collecting, generation: int) -> None:
    """The pod began anew: what it left unfinished goes, so that a pod can never fill the tables."""
    work.write(DROP_UNFINISHED_VMS, pod.name, pod.generation, generation)
    for section, todo in before.parts.items():
        _forget(work, pod.name, section, todo)


def _forget(work: Work, pod: str, section: int, todo: Todo) -> None:
    for id in entries_ids(pod, section, todo):
        work.put(ENTRIES, id, None)


def _take_over(work: Work, pod: Pod, collecting: Collecting) -> None:
    name, ledger = pod.name, work.get(LEDGER, pod.name) or Ledger()
    now = taken_over(ledger, collecting)
    for section, todo in ledger.todo.items():
        if now.todo[section] is not todo:
            _forget(work, name, section, todo)
    work.put(INVENTORY, name, None)
    work.put(LEDGER, name, now)
    root = collecting.root if settled(now, collecting) else None
    vms = collecting.generation if VMS in collecting.changed else pod.generation
    work.put(POD, name, with_inventory(pod, root, vms, work.message.at))
    if vms != pod.generation:
        work.write(DROP_VMS, name, vms)
    if now.todo:
        remind_compare(work, name)


def doubt(work: Work, pod: Pod, sections: list[int]) -> Pod:
    """Have the pod tell ``sections`` again, though it says that nothing changed; the pod, which has still to be kept.
    Where everything is asked for anyway, that is enough."""
    queue, ledger = work.get(QUEUE, pod.name), work.get(LEDGER, pod.name)
    if queue is not None:
        put_queue(work, pod.name, without_unseen(queue, sections))
    if ledger is None or not ledger.digests:
        return pod
    work.put(LEDGER, pod.name, doubted(ledger, sections))
    return msgspec.structs.replace(pod, root=None)


def ask(work: Work, pod: Pod, root: str) -> None:
    """Have the pod tell those sections of its holdings that are not known."""
    ledger = work.get(LEDGER, pod.name) or Ledger()
    work.emit(InventoryRequested(pod=pod.name, root=root, known=ledger.digests), saga="")


def request_keys(message: Message[RequestInventory], _: Get) -> Iterator[Ref]:
    """The pod, and what it reported before."""
    yield POD(message.body.pod)
    yield LEDGER(message.body.pod)


def request(message: Message[RequestInventory], work: Work, _: Config) -> Done | Problem:
    """Have a pod look again and tell everything, which then is all compared; refused where nobody would answer."""
    name = message.body.pod
    pod = work.get(POD, name)
    if pod is None or isinstance(pod, Removed) or not known_to(pod, message.body.actor):
        return no_pod(name)
    if not reporting(pod):
        return Problem(
            code="pod_offline",
            detail=f"pod {name} does not report at present",
            hint="it tells what it holds by itself as soon as its connector is back",
        )
    ledger = work.get(LEDGER, name) or Ledger()
    work.put(LEDGER, name, msgspec.structs.replace(ledger, digests=()))
    work.put(POD, name, msgspec.structs.replace(pod, root=None))
    work.emit(InventoryRequested(pod=name, root=""), saga="")
    return Done()


def forget_all(work: Work, pod: Pod) -> None:
    """The pod was removed: what it reported is of no use."""
    collecting, ledger = work.get(INVENTORY, pod.name), work.get(LEDGER, pod.name) or Ledger()
    for section, todo in ledger.todo.items():
        _forget(work, pod.name, section, todo)
    if collecting is not None:
        for section, todo in collecting.parts.items():
            _forget(work, pod.name, section, todo)
    work.put(INVENTORY, pod.name, None)
    work.put(LEDGER, pod.name, None)
    for section in range(1, SECTIONS):
        work.put(HELD, held_id(pod.name, section), None)
    work.write(DROP_ALL_VMS, pod.name)
    work.write(DROP_ALL_ITEMS, pod.name)
