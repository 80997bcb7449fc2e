"""The datastores of a pod's folder, ``datastores/<name>/``, and their parts: ``items/`` and ``staging/``."""

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from connector.backends import folders
from connector.failures import refused
from contracts.events.from_pods import Datastore

TRASH: Final = ".trash-"
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")


class Datastores:
    """The open ``datastores`` folder of a pod; what is in it is looked at anew each time."""

    def __init__(self, root: int, disk_types: Mapping[str, str]) -> None:
        self._root = folders.ensure_folder("datastores", root)
        self._disk_types = disk_types

    def close(self) -> None:
        os.close(self._root)

    def names(self) -> list[str]:
        return folders.folders(self._root)

    def listed(self) -> list[Datastore]:
        """Their sizes, as they are now."""
        found = []
        for name in self.names():
            with folders.folder(name, self._root) as at:
                space = os.fstatvfs(at)
            capacity, free = space.f_blocks * space.f_frsize, space.f_bavail * space.f_frsize
            disk_type = self._disk_types.get(name, "")
            found.append(Datastore(name=name, capacity=capacity, free=free, disk_type=disk_type))
        return found

    def having(self, part: str, only: str | None = None) -> Iterator[tuple[str, int]]:
        """The datastores that have this folder, with it open. Looking makes none: a full datastore has no room."""
        for name in self.names():
            if only not in (None, name):
                continue
            with folders.folder(name, self._root) as at:
                if not folders.has_folder(part, at):
                    continue
                with folders.folder(part, at) as found:
                    yield name, found

    @contextmanager
    def part(self, datastore: str, part: str) -> Iterator[int]:
        """The open ``items`` or ``staging`` folder of a datastore for the length of a block; made if there is none."""
        found = self.open_part(datastore, part)
        try:
            yield found
        finally:
            os.close(found)

    def open_part(self, datastore: str, part: str) -> int:
        """As `part`, for the caller to close."""
        with folders.folder(datastore, self._root) as at:
            return folders.ensure_folder(part, at)


def trash(version: str) -> str:
    """A name in ``staging`` for what is to be removed: it never comes back, whatever happens meanwhile."""
    return f"{TRASH}{version}-{time.monotonic_ns()}"


def is_version(text: str) -> bool:
    """Whether ``text`` has the shape of a version's id, and so can be the name of a folder."""
    return _VERSION.fullmatch(text) is not None


def check(version: str) -> None:
    """Look whether ``version`` can be the name of a folder. Raises Refused when it could be more than that."""
    if not is_version(version):
        raise refused("internal", "finalise", "The version's id is not one that the hub makes")
