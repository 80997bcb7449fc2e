"""Locks in a pod's folder: a file with the id of the version that something is being imported for."""

import os
from typing import Final

from connector.backends import folders
from connector.failures import Refused, refused

LOCK: Final = ".lock"


def lock_of(name: str) -> str:
    """The lock of a file, beside it."""
    return f".{name}{LOCK}"


def holder(lock: str, at: int) -> str | None:
    """The version that holds a lock; empty when something is there that is no lock of ours."""
    try:
        return folders.read(lock, at).decode(errors="replace")
    except Refused as error:
        if error.failure.code == "file_not_found":
            return None
        return ""  # taken


def take(lock: str, at: int, version: str) -> None:
    """Take a lock for ``version``; again is fine. It appears with its content in one step, so a crash leaves no lock of
    nobody. Raises Refused: ``vm_locked``."""
    temporary = f"{lock}-{version}"
    try:
        folders.write(temporary, at, version.encode())
        os.link(temporary, lock, src_dir_fd=at, dst_dir_fd=at)
    except FileExistsError:
        held = holder(lock, at)
        if held != version:
            raise refused(
                "vm_locked",
                "lock",
                f"It is in use for version {held or 'unknown'}",
                retry=True,
            ) from None
    finally:
        folders.remove_file(temporary, at)
        os.fsync(at)


def release(lock: str, at: int, version: str) -> None:
    """Give a lock back that ``version`` holds."""
    if holder(lock, at) == version:
        folders.remove_file(lock, at)
        os.fsync(at)
