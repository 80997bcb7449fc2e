"""Taking back the roles that a user or a service account was granted by name, once it is no more.

Whoever has the name later is somebody else. There may be many such grants, so they end by steps; until the last one
the name is not given away (`unfinished`).
"""

from collections.abc import Iterator

from contracts.errors import Problem
from runtime.work import Get, Local, Message, Reaction, Ref, Work
from sharing import held
from sharing.documents import GALLERY, GRANTS, HELD, IMAGE, VERSION
from sharing.domain.held import Held
from sharing.grants import Target, drop_one, of_gallery, of_image, of_version, target_refs

STEP = 50
"""So many grants end in one transaction."""


class GrantsEnd(Local, frozen=True, kw_only=True, tag="grants.end"):
    """A user is gone, and some of its grants are not taken back yet."""

    principal: str


def reactions() -> dict[type, Reaction]:
    """The reaction to what is left to be taken back."""
    return {GrantsEnd: Reaction(lambda message, get: refs(message.body.principal, get), _on_end)}


def refs(principal: str, get: Get) -> Iterator[Ref]:
    """The documents that `take_back` reads."""
    yield HELD(principal)
    known: Held | None = get(HELD, principal)
    for key in () if known is None else _next(known):
        yield GRANTS(key)
        scope, _, id = key.partition("/")
        if scope == "g":
            yield GALLERY(id)
        elif scope == "v":
            yield VERSION(id)
            if (version := get(VERSION, id)) is not None:
                yield IMAGE(version.image)
        else:
            yield IMAGE(id)
        target = _target(get, key)
        if target is not None:
            yield from target_refs(target)


def take_back(work: Work, principal: str) -> None:
    """End what was granted to a user who is gone: as much as one transaction may, the rest follows."""
    held.end_all(work, principal)
    _step(work, principal)


def unfinished(work: Work, principal: str) -> Problem | None:
    """Why nobody can have the name of this principal yet."""
    known = work.get(HELD, principal)
    if known is None or not known.ending:
        return None
    return Problem(
        code="user_ending",
        detail=f"{len(known.ending)} grants of the one who had the name before are still to be taken back",
        hint="Try again shortly.",
        data={"grants": len(known.ending)},
    )


def _on_end(message: Message[GrantsEnd], work: Work) -> None:
    _step(work, message.body.principal)


def _step(work: Work, principal: str) -> None:
    known = work.get(HELD, principal)
    if known is None:
        return
    for key in _next(known):
        target = _target(work.get, key)
        if target is None or not drop_one(work, target, principal):
            held.note_grant(work, principal, key, before=False, after=False)
    left = work.get(HELD, principal)
    if left is not None and left.ending:
        work.remind(f"grants/{principal}", work.message.at, GrantsEnd(principal=principal), saga="")


def _next(known: Held) -> tuple[str, ...]:
    """What ends next: of a user who was not gone until now, anything that it has."""
    return (known.ending or tuple(sorted(known.on)))[:STEP]


def _target(get: Get, key: str) -> Target | None:
    """What roles were granted on, by its key."""
    scope, _, id = key.partition("/")
    if scope == "g":
        gallery = get(GALLERY, id)
        return None if gallery is None else of_gallery(gallery)
    version = get(VERSION, id) if scope == "v" else None
    if scope == "v" and version is None:
        return None
    image = get(IMAGE, id if version is None else version.image)
    if image is None:
        return None
    return of_image(id, image) if version is None else of_version(id, version.image, image.owner)
