"""What a pod holds, as one root hash and as pages that fit into messages."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

import msgspec

from contracts.events.from_pods import InventoryReported, LibraryItem, Vm

PAGE: Final = 48 * 1024
"""Bytes of entries on a page; a message has 64 KiB at most."""

_Entry = TypeVar("_Entry", Vm, LibraryItem)


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """A listing of VMs by name and of items by version and datastore, with the hash over both."""

    root: str
    vms: tuple[Vm, ...]
    items: tuple[LibraryItem, ...]


def inventory(vms: Sequence[Vm], items: Sequence[LibraryItem]) -> Inventory:
    """The inventory of what was found; equal findings in any order have the same root."""
    ordered_vms = tuple(sorted(vms, key=lambda vm: vm.name))
    ordered_items = tuple(sorted(items, key=lambda item: (item.version, item.datastore)))
    canonical = msgspec.json.encode((ordered_vms, ordered_items), order="deterministic")
    return Inventory(root=hashlib.sha256(canonical).hexdigest(), vms=ordered_vms, items=ordered_items)


def pages(found: Inventory, limit: int = PAGE) -> tuple[InventoryReported, ...]:
    """The inventory as pages of at most ``limit`` bytes of entries; an empty one is one empty page."""
    cut: list[tuple[tuple[Vm, ...], tuple[LibraryItem, ...]]] = [(part, ()) for part in _parts(found.vms, limit)]
    cut += [((), part) for part in _parts(found.items, limit)]
    if not cut:
        cut = [((), ())]
    return tuple(
        InventoryReported(root=found.root, page=number, pages=len(cut), vms=vms, items=items)
        for number, (vms, items) in enumerate(cut)
    )


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
