"""A staging folder: where an item comes about, beside the items of the same datastore."""

import os

from connector.backends import folders


class DirectoryStaging:
    """A staging folder; its files are opened relative to ``folder``."""

    def __init__(self, datastore: str, version: str, parent: int) -> None:
        self.datastore = datastore
        self.version = version
        self._parent = parent
        try:
            self._folder = folders.ensure_folder(version, parent)
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
