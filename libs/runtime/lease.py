"""A service is one running process: two writers on one database lose updates silently."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LeaseHeldError(Exception):
    """Another process holds the lease on this data folder."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(f"{path} is held by process {holder or 'unknown'}: stop it, or use another data folder")
        self.path = path
        self.holder = holder


@contextmanager
def lease(path: Path) -> Iterator[None]:
    """Hold the lock file at ``path`` as long as the block runs; the kernel frees it when the process dies.

    Raises:
        LeaseHeldError: another process holds it.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LeaseHeldError(path, os.read(file, 32).decode(errors="replace").strip()) from None
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(file)
