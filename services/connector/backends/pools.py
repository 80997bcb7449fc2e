"""Pools in a pod's folder: ``pools/<assignment>/<seat>/``, one folder for each seat.

A seat's folder has ``desktop.json`` (`connector.domain.desktop.Desktop`), the disks of the image, data disks beside
them (``data-<lun>.raw``, sparse; one that the description does not name is kept, not attached), and ``capsule.json``
where the image is a capsule. Whatever runs the seats writes ``session.json`` (``{"user", "last_used"}``) into it, an
endpoint ``endpoint.json`` (``{"state": "installed" | "restarted"}``, perhaps with the ``version`` that it is about).

A seat comes about in ``.new-<seat>`` and takes its place by one rename; it goes by one rename too. So whatever has a
seat's own name is whole.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
import structlog

from connector.backends import folders, seatdisks, seatfiles
from connector.backends.base import Placed, data_name
from connector.backends.bases import Bases, Spots
from connector.backends.datastores import Datastores, check
from connector.backends.library import Library
from connector.domain.desktop import Desktop, Found
from connector.failures import refused
from contracts.desktops import Wanted

STEP: Final = "pool"
NEW: Final = ".new-"
OLD: Final = ".old-"
GONE: Final = ".gone-"
UP: Final = "../../../"
"""From a seat's folder to the pod's."""

log = structlog.get_logger()


class DirectoryPools:
    """See `connector.pools.base.Pools`. ``root`` is the open folder of the pod."""

    def __init__(self, root: int, datastores: Datastores, library: Library) -> None:
        self._pools = folders.ensure_folder("pools", root)
        self._datastores = datastores
        self._library = library
        self._bases = Bases(datastores, library)

    def close(self) -> None:
        os.close(self._pools)

    def seats(self, assignment: str) -> list[Found]:
        check(assignment)
        if not folders.has_folder(assignment, self._pools):
            return []
        with folders.folder(assignment, self._pools) as pool:
            found = [seatfiles.found(name, pool) for name in folders.folders(pool)]
        return sorted(
            (one for one in found if one is not None),
            key=lambda one: (0 if one.desktop is None else one.desktop.seat, one.name),
        )

    def original(self, wanted: Wanted) -> Placed:
        held = [placed for placed in self._library.held(wanted.version) if placed.intact and placed.item.copies]
        held = [placed for placed in held if placed.item.manifest.digest == wanted.digest]
        named = [placed for placed in held if wanted.copy in placed.item.copies]
        if not held:
            raise refused(
                "version_missing",
                STEP,
                "The pod's library has no intact copy of the version",
                hint="Publish the version to the pod, then ask again.",
                retry=True,
            )
        return (named or held)[0]

    # --- making ---------------------------------------------------------------------------------------------------

    def stage(self, original: Placed, desktop: Desktop) -> None:
        check(desktop.assignment)
        name = NEW + desktop.name
        pool = folders.ensure_folder(desktop.assignment, self._pools)
        try:
            os.fsync(self._pools)
            folders.remove_tree(name, pool)
            at = folders.ensure_folder(name, pool)
            try:
                with self._bases.taken(original):
                    self._fill(original, desktop, pool, at)
            finally:
                os.close(at)
        finally:
            os.close(pool)

    def put(self, assignment: str, seat: str, *, patient: bool) -> bool:
        new, old = NEW + seat, OLD + seat
        with self._pool(assignment) as pool:
            if not folders.has_folder(seat, pool):
                os.rename(new, seat, src_dir_fd=pool, dst_dir_fd=pool)
            elif patient and seatfiles.user(seat, pool):
                return False
            elif folders.swap(new, pool, seat, pool):
                if patient and seatfiles.user(new, pool):  # somebody came in the meantime
                    folders.swap(new, pool, seat, pool)
                    return False
                os.fsync(pool)
                folders.remove_tree(new, pool)
            else:
                os.rename(seat, old, src_dir_fd=pool, dst_dir_fd=pool)
                if patient and seatfiles.user(old, pool):
                    os.rename(old, seat, src_dir_fd=pool, dst_dir_fd=pool)
                    return False
                os.rename(new, seat, src_dir_fd=pool, dst_dir_fd=pool)
                os.fsync(pool)
                folders.remove_tree(old, pool)
            os.fsync(pool)
        return True

    def amend(self, desktop: Desktop) -> None:
        with self._pool(desktop.assignment) as pool, folders.folder(desktop.name, pool) as at:
            seatdisks.check_luns(desktop)
            for disk in desktop.added:
                seatdisks.added(disk, at)
            seatfiles.describe(desktop, at)

    def _fill(self, original: Placed, desktop: Desktop, pool: int, at: int) -> None:
        """Make the files of a seat in the open folder ``at``; its description comes last."""
        with (
            self._datastores.part(original.datastore, "items") as items,
            folders.folder(original.item.version, items) as item,
        ):
            disks = []
            for disk in original.item.manifest.disks:
                source = folders.open_file(data_name(disk.lun, disk.format), item)
                try:
                    made = seatdisks.shared(disk, desktop, source, at)
                    if made is None and (beneath := seatdisks.beneath(disk, desktop, source)) is not None:
                        base = UP + self._bases.hold(original, disk)
                        made = seatdisks.overlay(disk, desktop, beneath, base, at)
                    disks.append(made or seatdisks.copied(disk, desktop, source, at))
                finally:
                    os.close(source)
            disks = [msgspec.structs.replace(disk, datastore=original.datastore) for disk in disks]
        desktop = msgspec.structs.replace(desktop, disks=tuple(disks))
        seatdisks.check_luns(desktop)
        if folders.has_folder(desktop.name, pool):
            with folders.folder(desktop.name, pool) as before:
                seatdisks.keep(before, at)
        for disk_added in desktop.added:
            seatdisks.added(disk_added, at)
        seatfiles.describe(desktop, at)

    # --- removing -------------------------------------------------------------------------------------------------

    def remove(self, assignment: str, seat: str, *, patient: bool) -> bool:
        check(assignment)
        if not folders.has_folder(assignment, self._pools):
            return True
        gone = GONE + seat
        with self._pool(assignment) as pool:
            if not folders.has_folder(seat, pool):
                return True
            if patient and seatfiles.user(seat, pool):
                return False
            folders.remove_tree(gone, pool)
            os.rename(seat, gone, src_dir_fd=pool, dst_dir_fd=pool)
            if patient and seatfiles.user(gone, pool):
                os.rename(gone, seat, src_dir_fd=pool, dst_dir_fd=pool)
                return False
            os.fsync(pool)
            folders.remove_tree(gone, pool)
        return True

    def drop(self, assignment: str) -> None:
        check(assignment)
        if folders.has_folder(assignment, self._pools):
            folders.remove_tree(assignment, self._pools)
            os.fsync(self._pools)

    def tidy(self, assignment: str) -> None:
        check(assignment)
        if not folders.has_folder(assignment, self._pools):
            return
        with self._pool(assignment) as pool:
            for name in folders.names(pool):
                seat = name.removeprefix(OLD)
                if name.startswith(OLD) and not folders.has_folder(seat, pool):
                    os.rename(name, seat, src_dir_fd=pool, dst_dir_fd=pool)
                elif name.startswith((NEW, OLD, GONE)):
                    folders.remove_tree(name, pool)
            os.fsync(pool)

    def settle(self) -> None:
        self._bases.settle(self._needed)

    def _needed(self) -> Spots | None:
        """Where the bases are that any seat needs, or will, or did until a moment ago. None when one cannot be read."""
        found: set[tuple[str, str]] = set()
        for assignment in folders.folders(self._pools):
            with folders.folder(assignment, self._pools) as pool:
                for name in folders.names(pool):
                    spots = seatfiles.spots(name, pool)
                    if spots is None and not name.startswith((NEW, GONE)):
                        log.warning("seat_unreadable", assignment=assignment, seat=name, bases="all are kept")
                        return None
                    found |= spots or set()
        return found

    @contextmanager
    def _pool(self, assignment: str) -> Iterator[int]:
        check(assignment)
        with folders.folder(assignment, self._pools) as pool:
            yield pool
