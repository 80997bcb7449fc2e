"""Staging folders, ``datastores/<name>/staging/``: where items come about, beside the items of the same datastore.

The folder of a version's source and first copy has the version's name, that of a further replica ``<version>.<n>``: so
withdrawing one replica takes nothing from another that comes about at the same time.
"""

import os
import time
from collections.abc import Collection
from typing import Final

import structlog

from connector.backends import folders
from connector.backends.datastores import TRASH, Datastores, check
from connector.failures import refused

STALE: Final = 3 * 86_400.0
"""Seconds after which a staging folder that no task wants is removed at start."""

log = structlog.get_logger()


class DirectoryStaging:
    """A staging folder; its files are opened relative to ``folder``."""

    def __init__(self, datastore: str, name: str, parent: int) -> None:
        self.datastore = datastore
        self.name = name
        self._parent = parent
        try:
            self._folder = folders.ensure_folder(name, parent)
        except BaseException:
            os.close(parent)
            raise

    @property
    def folder(self) -> int:
        return self._folder

    @property
    def parent(self) -> int:
        return self._parent

    def free(self) -> int:
        space = os.fstatvfs(self._folder)
        return space.f_bavail * space.f_frsize

    def close(self) -> None:
        if self._folder >= 0:
            os.close(self._folder)
            os.close(self._parent)
        self._folder = self._parent = -1


class Stagings:
    """The staging folders of all datastores."""

    def __init__(self, datastores: Datastores) -> None:
        self._datastores = datastores

    def stage(self, version: str, datastore: str | None, replica: int, avoid: Collection[str]) -> DirectoryStaging:
        name = _name(version, replica)
        if datastore is not None and datastore not in self._datastores.names():
            raise refused("datastore_not_found", "stage", f"The pod has no datastore {datastore}")
        chosen = datastore
        for found, staging in self._datastores.having("staging"):
            if folders.has_folder(name, staging):
                if datastore == found or (datastore is None and found not in avoid):
                    chosen = found
                else:
                    folders.remove_tree(name, staging)
        chosen = chosen or self._freest(avoid)
        return DirectoryStaging(chosen, name, self._datastores.open_part(chosen, "staging"))

    def abandon(self, version: str, replica: int) -> None:
        name = _name(version, replica)
        for _, staging in self._datastores.having("staging"):
            folders.remove_tree(name, staging)

    def sweep(self, keep: Collection[str]) -> None:
        for datastore, staging in self._datastores.having("staging"):
            for left in folders.names(staging):
                age = time.time() - os.stat(left, dir_fd=staging, follow_symlinks=False).st_mtime
                if left.startswith(TRASH) or (left.partition(".")[0] not in keep and age > STALE):
                    log.info("staging_removed", name=left, datastore=datastore)
                    folders.remove_tree(left, staging)

    def _freest(self, avoid: Collection[str]) -> str:
        found = self._datastores.listed()
        if not found:
            raise refused("datastore_not_found", "stage", "The pod has no datastore", hint="Make one on the pod.")
        allowed = [store for store in found if store.name not in avoid]
        if not allowed:
            raise refused(
                "datastore_not_found",
                "stage",
                "Every datastore of the pod has a copy of the version already",
                hint="Make another datastore on the pod, or ask for fewer replicas.",
            )
        return max(allowed, key=lambda store: store.free).name


def _name(version: str, replica: int) -> str:
    check(version)
    return f"{version}.{replica}" if replica else version
