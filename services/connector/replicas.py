"""Which item of the library stands for which copy: a pod's replicas of a version lie on a datastore each.

Any intact item can serve a version's bytes; a copy has one that is its own, so that taking back one replica leaves the
others, and a lost one is missed although another is there.
"""

import os
from collections.abc import Sequence

import msgspec
import structlog

from connector.backends.base import Backend, Item, Placed
from connector.domain.tasks import Copy
from contracts.names import parse_copy

log = structlog.get_logger()


def own(held: Sequence[Placed], task: Copy) -> Placed | None:
    """The item of a copy among those that the library holds of its version, an intact one if there is one.

    That is an item which names the copy; else one that no other replica of this pod needs (the source's, or one of a
    copy that was forgotten), on the datastore that is asked for.
    """
    named = [placed for placed in held if task.copy in placed.item.copies]
    spare = [
        placed
        for placed in held
        if placed not in named
        and task.datastore in (None, placed.datastore)
        and not other_replicas(placed.item, task.copy)
    ]
    found = [*named, *spare]
    return next((placed for placed in found if placed.intact), found[0] if found else None)


def other_replicas(item: Item, copy: str) -> tuple[str, ...]:
    """The copies of the same pod, but for ``copy``, that an item stands for."""
    return tuple(one for one in left_without(item, copy) if parse_copy(one) is not None)


def left_without(item: Item, copy: str) -> tuple[str, ...]:
    """The copies that an item still stands for without ``copy``. Those of other pods are none: the folder had another
    name once."""
    here = parse_copy(copy)
    return tuple(one for one in item.copies if one != copy and _pod(one) in (None, here and here[1]))


def named(item: Item, copy: str) -> Item:
    """The item, standing for ``copy`` too."""
    return msgspec.structs.replace(item, copies=tuple(sorted({*left_without(item, copy), copy})))


def supersede(backend: Backend, placed: Placed) -> None:
    """Take back what ``placed`` replaced on other datastores: a copy has one item.

    An item that is intact and stands for something else stays for that; so does a source, unless ``placed`` is it.
    """
    for other in backend.held(placed.item.version):
        if other.datastore == placed.datastore:
            continue
        left = tuple(copy for copy in other.item.copies if copy not in placed.item.copies)
        shared = left != other.item.copies
        if left or (other.item.source and not placed.item.source):
            if shared:
                backend.note(msgspec.structs.replace(other.item, copies=left), other.datastore)
        elif shared or not other.intact:
            backend.remove(other.item.version, other.datastore)


def tidy(backend: Backend, items: Sequence[Placed]) -> bool:
    """Take back all but one of several intact ``items`` that stand for the same copy; whether there were any.

    A datastore came back that had been away, while its copies were made anew on others. What was found whole last
    stays.
    """
    standing: dict[tuple[str, str], list[Placed]] = {}
    for placed in items:
        if placed.intact:
            for copy in placed.item.copies:
                standing.setdefault((copy, placed.item.manifest.digest), []).append(placed)
    doubles = [several for several in standing.values() if len(several) > 1]
    for several in doubles:
        stays = max(several, key=lambda placed: _found_whole(backend, placed))
        log.info("copy_taken_once", version=stays.item.version, datastore=stays.datastore, items=len(several))
        supersede(backend, stays)
    return bool(doubles)


def _found_whole(backend: Backend, placed: Placed) -> float:
    """When, in seconds since 1970."""
    folder = backend.folder(*placed.spot)
    if folder is None:
        return 0.0
    try:
        return backend.checked(folder).at
    finally:
        os.close(folder)


def _pod(copy: str) -> str | None:
    parts = parse_copy(copy)
    return None if parts is None else parts[1]
