"""What a pod holds, cut into sections, as one root hash and as pages that fit into messages."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, TypeVar

import msgspec

from contracts.events.from_pods import InventoryReported, LibraryItem, Vm
from contracts.inventory import DIGEST, SECTIONS, VMS, root_of, section_of

PAGE: Final = 48 * 1024
"""Bytes of entries on a page; a message has 64 KiB at most."""

_Entry = TypeVar("_Entry", Vm, LibraryItem)


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """A listing of VMs by name and of items by version and datastore; the digest of each section (none in what an older
    connector kept), and the root over them."""

    root: str
    vms: tuple[Vm, ...]
    items: tuple[LibraryItem, ...]
    sections: tuple[str, ...] = ()


def inventory(vms: Iterable[Vm], items: Iterable[LibraryItem]) -> Inventory:
    """The inventory of what was found; equal findings in any order have the same root."""
    ordered_vms = tuple(sorted(vms, key=lambda vm: (vm.name, vm.kind)))
    ordered_items = tuple(sorted(items, key=lambda item: (item.version, item.datastore)))
    parts: list[list[Vm | LibraryItem]] = [[] for _ in range(SECTIONS)]
    parts[VMS].extend(ordered_vms)
    for item in ordered_items:
        parts[section_of(item.version)].append(item)
    sections = tuple(map(_digest, parts))
    return Inventory(root=root_of(sections), vms=ordered_vms, items=ordered_items, sections=sections)


def differing(found: Inventory, known: Sequence[str]) -> tuple[int, ...]:
    """The sections that somebody who knows these digests has not got; all, for one who knows none of this kind."""
    if len(known) != len(found.sections):
        return tuple(range(len(found.sections)))
    pairs = enumerate(zip(found.sections, known, strict=True))
    return tuple(number for number, (here, there) in pairs if here != there)


def pages(found: Inventory, changed: Collection[int], limit: int = PAGE) -> tuple[InventoryReported, ...]:
    """The sections ``changed`` of the inventory as pages of at most ``limit`` bytes of entries; nothing is one empty
    page, which says that."""
    wanted = frozenset(changed)
    vms = found.vms if VMS in wanted else ()
    items = [item for item in found.items if section_of(item.version) in wanted]
    cut: list[tuple[tuple[Vm, ...], tuple[LibraryItem, ...]]] = [(part, ()) for part in _parts(vms, limit)]
    cut += [((), part) for part in _parts(items, limit)]
    if not cut:
        cut = [((), ())]
    return tuple(
        InventoryReported(
            root=found.root,
            page=number,
            pages=len(cut),
            vms=vms,
            items=items,
            sections=found.sections,
            changed=tuple(sorted(wanted)),
        )
        for number, (vms, items) in enumerate(cut)
    )


def _digest(entries: Sequence[Vm | LibraryItem]) -> str:
    canonical = msgspec.json.encode(entries, order="deterministic")
    return hashlib.sha256(canonical).hexdigest()[:DIGEST]


def _parts(entries: Sequence[_Entry], limit: int) -> Iterator[tuple[_Entry, ...]]:
    part: list[_Entry] = []
    size = 0
    for entry in entries:
        weight = len(msgspec.json.encode(entry)) + 1
        if part and size + weight > limit:
            yield tuple(part)
            part, size = [], 0
        part.append(entry)
        size += weight
    if part:
        yield tuple(part)
