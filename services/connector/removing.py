"""Giving back what a version took on the pod: after a discarded import, a withdrawn copy, a released source."""

import msgspec
import structlog

from connector.backends.base import Backend
from connector.domain.tasks import Discard, Release, Withdraw
from connector.replicas import left_without
from contracts.names import parse_copy
from runtime.crash import crash_at

log = structlog.get_logger()


def discard(backend: Backend, task: Discard) -> None:
    """Undo an import: no staging, no lock, and no item unless copies were published to this pod from it."""
    backend.abandon(task.version)
    for placed in backend.held(task.version):
        if not placed.item.copies:
            backend.remove(task.version, placed.datastore)
        elif placed.item.source:
            backend.note(msgspec.structs.replace(placed.item, source=False), placed.datastore)
    if task.given_up:
        backend.drop_snapshot(task.version)
    backend.unlock(task.version)


def withdraw(backend: Backend, task: Withdraw) -> None:
    """Take a copy back. An item stays while it is the version's source here, or while another copy needs it."""
    parts = parse_copy(task.copy)
    backend.abandon(task.version, replica=parts[2] if parts is not None else 0)
    for placed in backend.held(task.version):
        left = left_without(placed.item, task.copy)
        if not left and not placed.item.source:
            backend.remove(task.version, placed.datastore)
        elif left != placed.item.copies:
            backend.note(msgspec.structs.replace(placed.item, copies=left), placed.datastore)
    crash_at("withdraw.done")


def release(backend: Backend, task: Release) -> str:
    """Delete the source of a *convert*; why it was kept, nothing when it is gone.

    It goes only while the version's bytes are in this library, only if nobody wrote to it since they were read (a VM
    that was started has what the version has not), and only if it is still locked for the version: what has got its
    name since is somebody else's.
    """
    kept = ""
    placed = next((one for one in backend.held(task.version) if one.intact and one.item.source), None)
    if placed is None:
        kept = "the version is not in the library"
    elif backend.written(task.source) > placed.item.manifest.created.timestamp():
        kept = "it was written to since the version was made of it"
    elif not backend.delete_source(task.source, task.version):
        kept = "it is not locked for the version"
    if kept:
        log.error("source_kept", version=task.version, source=task.source.name, why=kept)
    backend.unlock(task.version)
    return kept
