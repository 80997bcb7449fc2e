"""Reactions to what a pod's library holds: the difference to what should be there is told, and closed.

A section is compared when its entries came whole, a few sections at a time. What is missing or spoiled is made again,
what is wanted and there already is finalised where it lies, what was taken back is taken back again, and what nobody
knows is sought at the catalog, reported, and left alone (reliability.md 4.1.7).
"""

from collections.abc import Iterator
from datetime import timedelta

import msgspec

from contracts.errors import Failure
from contracts.events.from_pods import LibraryItem
from contracts.events.hub import VersionSought
from contracts.events.to_pods import CopyWithdrawn
from contracts.inventory import section_of
from replicator import copies, dispatch, editing
from replicator.config import Config
from replicator.documents import COPY, ENTRIES, HELD, LEDGER, PLACEMENT, POD, QUEUE, SOUGHT
from replicator.domain.copy import Available, Copy
from replicator.domain.healing import Findings, Gone, Stray, answer, compare
from replicator.domain.held import SURPLUS, UNKNOWN, Held, Holding, held_id, with_copy
from replicator.domain.inventory import (
    Item,
    Sought,
    Todo,
    compared,
    doubted,
    entries_ids,
    next_sections,
)
from replicator.domain.placement import Placement
from replicator.domain.pod import Pod, Removed, accepts, with_drift
from replicator.domain.queue import Queue, without_unseen
from replicator.held import look_again, put_held
from replicator.moves import move_keys
from replicator.slots import put_queue
from replicator.upkeep import Adoption, Compare, SoughtStale, remind_adoption, remind_compare, remind_sought
from runtime.work import Get, Message, Ref, Work

DROP_ITEMS = "DELETE FROM items WHERE pod = ? AND section = ?"
PUT_ITEM = "INSERT OR REPLACE INTO items (pod, section, version, datastore, body) VALUES (?, ?, ?, ?, ?)"
# A pod has one comparison at a time (its reminder has one name), so no batch writes the rows of a section twice.

LOOKS = 2
"""Heartbeats within which a pod's look at its library may be older than a copy that it reported since."""
SEEK_AGAIN = 600.0
"""Seconds for which a version that was sought at the catalog is not sought again, whoever holds it."""
MOST_SOUGHT = 32
"""Versions of one section that are sought at a time: a pod that makes up versions is no flood for the catalog."""


def compare_keys(message: Message[Compare], get: Get) -> Iterator[Ref]:
    """The sections that are next, and all that concerns the copies and versions in which they differ."""
    name = message.body.pod
    yield POD(name)
    yield LEDGER(name)
    yield QUEUE(name)
    pod, ledger = get(POD, name), get(LEDGER, name)
    if pod is None or ledger is None:
        return
    for section in next_sections(ledger):
        todo = ledger.todo[section]
        yield HELD(held_id(name, section))
        for id in entries_ids(name, section, todo):
            yield ENTRIES(id)
        found = _findings(pod, get(HELD, held_id(name, section)), _items(get, name, section, todo), todo)
        for gone in found.gone:
            yield from _concerned(gone.copy, gone.version, name, get)
        for stray in found.strays:
            yield SOUGHT(stray.item.version)
            yield from _concerned(stray.copy, stray.item.version, name, get)


def _concerned(copy_id: str, version: str, pod: str, get: Get) -> Iterator[Ref]:
    yield from move_keys(copy_id, version, pod, get)
    copy = get(COPY, copy_id)
    if copy is not None:
        yield from dispatch.wake_keys(copy, get)


def _items(get: Get, pod: str, section: int, todo: Todo) -> list[Item]:
    pages = (get(ENTRIES, id) for id in entries_ids(pod, section, todo))
    return [item for entries in pages if entries is not None for item in entries.items]


def _findings(pod: Pod, held: Held | None, items: list[Item], todo: Todo) -> Findings:
    settled = todo.at - timedelta(seconds=max(0.0, LOOKS * pod.interval))
    return compare(pod.name, held or Held(), items, settled)


def differ(message: Message[Compare], work: Work, config: Config) -> None:
    """Compare the next sections, and come back for the rest."""
    name = message.body.pod
    pod, ledger = work.get(POD, name), work.get(LEDGER, name)
    if pod is None or ledger is None or isinstance(pod, Removed):
        return
    sections, queue = next_sections(ledger), work.get(QUEUE, name) or Queue()
    told = [one for one in sections if one not in queue.unseen or queue.unseen[one] <= ledger.todo[one].at]
    put_queue(work, name, without_unseen(queue, told))  # before what the comparison leads to marks them anew
    drift, doubtful = pod.drift, []
    for section in sections:
        more, doubt = _differ(work, config, pod, section, ledger.todo[section])
        drift += more
        if doubt:
            doubtful.append(section)
    ledger = compared(doubted(ledger, doubtful), sections)
    work.put(LEDGER, name, ledger)
    now = with_drift(pod, drift)
    if doubtful:
        now = msgspec.structs.replace(now, root=None)
    if now is not pod:
        work.put(POD, name, now)
    if ledger.todo:
        remind_compare(work, name)


def _differ(work: Work, config: Config, pod: Pod, section: int, todo: Todo) -> tuple[int, bool]:
    """Close the differences in a section; by how many its strays are more, and whether the pod is to look again."""
    id = held_id(pod.name, section)
    items, known = _items(work.get, pod.name, section, todo), work.get(HELD, id) or Held()
    found = _findings(pod, known, items, todo)
    for gone in found.gone:
        _lose(work, config, gone.copy, gone.version, _failure(pod.name, gone), gone.state)
    strays = _settle(work, config, pod, found.strays)
    held = work.get(HELD, id) or Held()
    if held.strays != strays:
        put_held(work, id, msgspec.structs.replace(held, strays=strays))
    _show(work, pod.name, section, items)
    for entries in entries_ids(pod.name, section, todo):
        work.put(ENTRIES, entries, None)
    return len(strays) - len(known.strays), found.doubtful


def _show(work: Work, pod: str, section: int, items: list[Item]) -> None:
    """What people see of the section."""
    work.write(DROP_ITEMS, pod, section)
    for item in items:
        shown = LibraryItem(
            version=item.version, datastore=item.datastore, digest=item.digest, size=item.size, state=item.state,
            copies=item.copies, source=item.source,
        )  # fmt: skip
        body = msgspec.json.encode(shown).decode()
        work.write(PUT_ITEM, pod, section, item.version, item.datastore, body)


def _failure(pod: str, gone: Gone) -> Failure:
    return Failure(
        code="copy_missing" if gone.state == "MISSING" else "bit_rot",
        step="inventory",
        text=f"pod {pod}: {gone.text}",
        hint="it is made again from another holder; if that repeats, look who else writes to the pod's datastore",
        retry=True,
    )


def _lose(work: Work, config: Config, id: str, version: str, failure: Failure, state: str) -> None:
    copy, placement = work.get(COPY, id), work.get(PLACEMENT, version)
    if isinstance(copy, Available) and placement is not None:
        copies.lost(work, config, copy, placement, "MISSING" if state == "MISSING" else "CORRUPT", failure)


def _settle(work: Work, config: Config, pod: Pod, strays: tuple[Stray, ...]) -> dict[str, str]:
    """Answer to what no AVAILABLE copy accounts for; what of it stays as it is, and why."""
    left: dict[str, str] = {}
    for stray in strays:
        version = stray.item.version
        copy, placement = work.get(COPY, stray.copy), work.get(PLACEMENT, version)
        match answer(stray, copy, placement):
            case "unknown":
                left[version] = UNKNOWN
                _seek(work, pod.name, version, left)
            case "surplus":
                left[version] = SURPLUS
                _surplus(work, config, pod, stray)
            case "withdraw":
                _withdraw(work, pod.name, stray.copy, version, 1 if copy is None else copy.attempt)
            case known:
                if copy is not None and placement is not None:
                    _heal(work, config, copy, placement, stray, known)
    return left


def _heal(work: Work, config: Config, copy: Copy, placement: Placement, stray: Stray, what: str) -> None:
    pod, item = copy.pod, stray.item
    if what == "hold" and isinstance(copy, Available):
        id = held_id(pod, section_of(item.version))
        holding = Holding(copy.digest, item.datastore, copy.updated)
        put_held(work, id, with_copy(work.get(HELD, id) or Held(), stray.copy, holding, item.version))
    elif what == "lose":
        gone = Gone(stray.copy, item.version, "CORRUPT", "its library holds other content, or has set it apart")
        _lose(work, config, stray.copy, item.version, _failure(pod, gone), gone.state)
    elif what == "adopt":
        copies.adopt(work, config, copy, placement)
    elif what == "drop":
        copies.drop(work, config, copy, placement, "nothing of the version is wanted any more")


def _seek(work: Work, pod: str, version: str, left: dict[str, str]) -> None:
    if work.get(SOUGHT, version) is None and len(left) <= MOST_SOUGHT:
        work.put(SOUGHT, version, Sought(work.message.at))
        work.emit(VersionSought(version=version, pod=pod, reason="the pod's library holds it"), saga="")
        remind_sought(work, version, SEEK_AGAIN)


def _surplus(work: Work, config: Config, pod: Pod, stray: Stray) -> None:
    match config.surplus:
        case "adopt":
            remind_adoption(work, pod.name, stray.item.version)
        case "remove":
            _withdraw(work, pod.name, stray.copy, stray.item.version, 1)
        case "report":
            pass  # it shows as what it is in the pod's library, and counts as drift


def _withdraw(work: Work, pod: str, copy: str, version: str, attempt: int) -> None:
    """Have the pod drop an item that is to be nowhere there, and see whether it did. The copy itself stays as it is
    remembered."""
    work.emit(CopyWithdrawn(pod=pod, copy=copy, version=version, attempt=max(attempt, 1)), saga="")
    look_again(work, pod, version)


def stale_keys(message: Message[SoughtStale], _: Get) -> Iterator[Ref]:
    """That the version was sought."""
    yield SOUGHT(message.body.version)


def stale(message: Message[SoughtStale], work: Work, _: Config) -> None:
    """Whoever still holds the version may have it sought again."""
    work.put(SOUGHT, message.body.version, None)


def adoption_keys(message: Message[Adoption], get: Get) -> Iterator[Ref]:
    """The pod, and what a change of the version's targets needs."""
    yield POD(message.body.pod)
    yield PLACEMENT(message.body.version)
    yield from editing.target_keys(message.body.version, [message.body.pod], get)


def adoption(message: Message[Adoption], work: Work, config: Config) -> None:
    """Make a pod a target of what it holds: its copy is finalised where it lies."""
    pod, placement = work.get(POD, message.body.pod), work.get(PLACEMENT, message.body.version)
    if pod is not None and accepts(pod) and placement is not None and placement.state == "LIVE":
        editing.add_targets(work, config, placement, {pod.name: 1}, why="found in the pod's library")
