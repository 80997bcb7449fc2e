"""An inventory that comes in page by page, and is compared with what should be there once its last page came.

Its entries are kept apart, by section and page, so that no page is written twice and a comparison can go section by
section. What a pod says here concerns the pod alone; impossible claims are not kept.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from contracts.events.from_pods import InventoryReported
from contracts.inventory import DIGEST, SECTIONS, VMS, root_of, section_of
from contracts.names import ID
from replicator.domain.pod import Pod, Removed

PAGES = 4096
"""Pages of the largest inventory that is listened to."""
ROOT = 128
"""Characters of the longest root."""
ENTRIES = 1024
"""Items of a section that are listened to: with all sections full, a library of 65,536."""
MOST_VMS = 65_536
COPIES = 16
"""Copies that an item is believed to stand for: as many as a pod can have of a version."""
STEP = 64
"""Items that are compared at once, or one section if it has more."""

_id = re.compile(ID)
_digest = re.compile(rf"[0-9a-f]{{{DIGEST}}}")
ALL = tuple(range(SECTIONS))


class Item(msgspec.Struct, frozen=True, array_like=True):
    """An entry of the pod's library (`LibraryItem`), as it is kept until it was compared."""

    version: str
    datastore: str
    digest: str
    size: int
    state: Literal["INTACT", "CORRUPT"]
    copies: tuple[str, ...]
    source: bool


class Entries(msgspec.Struct, frozen=True, array_like=True):
    """The items of one section that one page brought."""

    items: tuple[Item, ...]


class Todo(msgspec.Struct, frozen=True, array_like=True):
    """A section that is to be compared: the generation and the pages in which its entries came, how many they are, and
    when the inventory began."""

    generation: int
    pages: tuple[int, ...]
    count: int
    at: datetime


class Sought(msgspec.Struct, frozen=True):
    """A version of which no placement is known was sought at the catalog; it is not sought again for a while."""

    at: datetime


class Ledger(msgspec.Struct, frozen=True):
    """What was last reported whole: the digests of all sections (none: nothing that can be built upon), and the
    sections that came and are still to be compared. ``generation`` is that of the last inventory that came whole."""

    digests: tuple[str, ...] = ()
    todo: dict[int, Todo] = {}
    generation: int = 0


class Collecting(msgspec.Struct, frozen=True, kw_only=True):
    """The pages of ``root`` that came so far, under a ``generation`` of its own; ``parts`` are the sections' entries
    among them, by page."""

    root: str
    generation: int
    pages: int
    got: tuple[int, ...]
    began: datetime
    sections: tuple[str, ...] = ()
    changed: tuple[int, ...] = ()
    parts: dict[int, Todo] = {}
    vms: int = 0

    @property
    def complete(self) -> bool:
        return len(self.got) == self.pages


def wanted(pod: Pod, root: str) -> bool:
    """Whether the inventory with ``root`` is one that we do not have."""
    return not isinstance(pod, Removed) and root != pod.root and 0 < len(root) <= ROOT


def collect(
    collecting: Collecting | None, pod: Pod, latest: int, page: InventoryReported, at: datetime
) -> Collecting | None:
    """What was collected with ``page``; None when the page is of no use: unwanted, impossible, or of an older root.

    Every inventory that begins gets a generation of its own, so that entries of one left unfinished can never mix
    with those of a later one, even one with the same root; ``latest`` is that of the last one that came whole.
    """
    if not wanted(pod, page.root) or not credible(page):
        return None
    changed = tuple(sorted(set(page.changed))) if page.sections else ALL
    same = (page.root, page.pages, page.sections, changed)
    if collecting is not None and (collecting.root, collecting.pages, collecting.sections, collecting.changed) == same:
        return collecting if page.page in collecting.got else _joined(collecting, page)
    if collecting is not None and at < collecting.began:
        return None
    latest = latest if collecting is None else max(latest, collecting.generation)
    begun = Collecting(
        root=page.root, generation=latest + 1, pages=page.pages, got=(), began=at, sections=page.sections,
        changed=changed,
    )  # fmt: skip
    return _joined(begun, page)


def _joined(collecting: Collecting, page: InventoryReported) -> Collecting | None:
    parts, vms = dict(collecting.parts), collecting.vms + len(page.vms)
    for section, items in by_section(page).items():
        known = parts.get(section, Todo(collecting.generation, (), 0, collecting.began))
        parts[section] = Todo(collecting.generation, (*known.pages, page.page), known.count + len(items), known.at)
        if parts[section].count > ENTRIES:
            return None
    if vms > MOST_VMS:
        return None
    got = tuple(sorted({*collecting.got, page.page}))
    return msgspec.structs.replace(collecting, got=got, parts=parts, vms=vms)


def credible(page: InventoryReported) -> bool:
    """Whether a page can be true as far as that shows: numbers in range, digests of the right shape under the right
    root, and every entry in a section that the page is to bring. A connector that does not tell sections brings all.
    """
    if not 0 < page.pages <= PAGES or not 0 <= page.page <= page.pages:
        return False
    if not page.sections:
        return not page.changed
    if len(page.sections) != SECTIONS or not all(_digest.fullmatch(one) for one in page.sections):
        return False
    if root_of(page.sections) != page.root or not all(0 <= one < SECTIONS for one in page.changed):
        return False
    if page.vms and VMS not in page.changed:
        return False
    return all(section_of(item.version) in page.changed for item in page.items)


def by_section(page: InventoryReported) -> dict[int, tuple[Item, ...]]:
    """The page's items by their section. What has no version's id is no item that the hub could speak about."""
    found: dict[int, list[Item]] = {}
    for one in page.items:
        if _id.fullmatch(one.version):
            item = Item(one.version, one.datastore, one.digest, one.size, one.state, one.copies[:COPIES], one.source)
            found.setdefault(section_of(one.version), []).append(item)
    return {section: tuple(items) for section, items in found.items()}


def taken_over(ledger: Ledger, collecting: Collecting) -> Ledger:
    """The ledger after an inventory came whole: its changed sections are to be compared, the others stay as they were
    known, whatever it claims of them."""
    known = ledger.digests or ("",) * SECTIONS
    digests: tuple[str, ...] = ()
    if collecting.sections:
        changed = set(collecting.changed)
        digests = tuple(collecting.sections[n] if n in changed else known[n] for n in range(SECTIONS))
    nothing = Todo(collecting.generation, (), 0, collecting.began)
    fresh = {section: collecting.parts.get(section, nothing) for section in collecting.changed if section != VMS}
    return Ledger(digests, ledger.todo | fresh, collecting.generation)


def settled(ledger: Ledger, collecting: Collecting) -> bool:
    """Whether the ledger says what the inventory says: then its root is known, and nothing more is asked."""
    return ledger.digests == collecting.sections


def doubted(ledger: Ledger, sections: Iterable[int]) -> Ledger:
    """``sections`` are to be told again, whatever their digests."""
    if not ledger.digests:
        return ledger
    doubtful = set(sections)
    digests = tuple("" if section in doubtful else digest for section, digest in enumerate(ledger.digests))
    return msgspec.structs.replace(ledger, digests=digests)


def next_sections(ledger: Ledger) -> tuple[int, ...]:
    """The sections to compare at once: some, so that no comparison takes long."""
    chosen: list[int] = []
    count = 0
    for section, todo in sorted(ledger.todo.items()):
        if chosen and count + todo.count > STEP:
            break
        chosen.append(section)
        count += todo.count
    return tuple(chosen)


def compared(ledger: Ledger, sections: tuple[int, ...]) -> Ledger:
    """``sections`` are done."""
    return msgspec.structs.replace(
        ledger, todo={section: todo for section, todo in ledger.todo.items() if section not in sections}
    )


def entries_ids(pod: str, section: int, todo: Todo) -> tuple[str, ...]:
    """The ids under which a section's entries are kept."""
    return tuple(f"{pod}/{todo.generation}/{section}/{page}" for page in todo.pages)
