"""Giving back what a version took on the pod: after a discarded import, a withdrawn copy, a released source."""

import msgspec
import structlog

from connector.backends.base import Backend
from connector.domain.tasks import Discard, Release, Withdraw

log = structlog.get_logger()


def discard(backend: Backend, task: Discard) -> None:
    """Undo an import: no staging, no lock, and no item unless copies were published to this pod from it."""
    backend.abandon(task.version)
    found = backend.find(task.version)
    if found is not None and found.item.copies:
        if found.item.source:
            backend.note(msgspec.structs.replace(found.item, source=False))
    else:
        backend.remove(task.version)
    backend.unlock(task.version)


def withdraw(backend: Backend, task: Withdraw) -> None:
    """Take a copy back. The item stays while it is the version's source here, or while another copy needs it."""
    backend.abandon(task.version)
    found = backend.find(task.version)
    if found is None:
        return
    left = tuple(copy for copy in found.item.copies if copy != task.copy)
    if not left and not found.item.source:
        backend.remove(task.version)
    elif left != found.item.copies:
        backend.note(msgspec.structs.replace(found.item, copies=left))


def release(backend: Backend, task: Release) -> bool:
    """Delete the source of a *convert*; whether it is gone.

    It goes only while the version's bytes are in this library, and only if it is still locked for the version: what has
    got its name since is somebody else's.
    """
    found = backend.find(task.version)
    if found is None or not found.intact or not found.item.source:
        log.error("source_kept", version=task.version, source=task.source.name, why="the version is not in the library")
        gone = False
    else:
        gone = backend.delete_source(task.source, task.version)
        if not gone:
            log.error(
                "source_kept", version=task.version, source=task.source.name, why="it is not locked for the version"
            )
    backend.unlock(task.version)
    return gone
