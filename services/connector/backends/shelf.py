"""What the library holds, in memory: looked up by root for each range that is served, and by tenant for seeds."""

import threading
from collections.abc import Iterable

from connector.backends.base import Item, Placed, Spot
from contracts.manifest import Disk


class Shelf:
    """The intact items as of the last look at the disk and the connector's own changes since. Safe for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: dict[Spot, Placed] = {}
        self._places: dict[str, list[tuple[Placed, Disk]]] = {}
        self._changes = 0

    def mark(self) -> int:
        """To be taken before a look at the disk and handed to `replace` after it."""
        with self._lock:
            return self._changes

    def replace(self, mark: int, found: Iterable[Placed]) -> None:
        """Take over what a look found, unless the connector changed something while it looked."""
        with self._lock:
            if self._changes == mark:
                self._items = {placed.spot: placed for placed in found if placed.intact}
                self._index()

    def put(self, spot: Spot, placed: Placed | None) -> None:
        """The connector made, changed or (None) removed an item."""
        with self._lock:
            self._changes += 1
            if placed is None or not placed.intact:
                self._items.pop(spot, None)
            else:
                self._items[spot] = placed
            self._index()

    def places(self, root: str) -> list[tuple[Placed, Disk]]:
        """The disks with this root, and the items they are in."""
        with self._lock:
            return list(self._places.get(root, ()))

    def relatives(self, item: Item) -> list[Placed]:
        """Other versions of the same tenant, those of the same image first, then the newest."""
        with self._lock:
            found = [
                placed
                for placed in self._items.values()
                if placed.item.tenant == item.tenant and placed.item.version != item.version
            ]
        found.sort(key=lambda placed: placed.item.manifest.created, reverse=True)
        found.sort(key=lambda placed: placed.item.image != item.image)
        return found

    def _index(self) -> None:
        self._places = {}
        for placed in self._items.values():
            for disk in placed.item.manifest.disks:
                self._places.setdefault(disk.root, []).append((placed, disk))
