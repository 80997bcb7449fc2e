"""The audit log: who changed what, written in the transaction of the change itself (features.md I5).

Done once, around all reactions. Each command that was not refused has an entry, and so has each change of state that an
event or the time brought about: with what was there before and what is there after, as far as they differ. How many
copies of a version there are is no matter for it: the words about copies cost two comparisons here.
"""

import dataclasses
from collections.abc import Mapping
from datetime import UTC
from typing import Any

import msgspec

from catalog.documents import AUDIT, AUDIT_HEAD
from catalog.watched import WATCHED, Fields, difference, other
from contracts.audit import Tip, canonical, seal
from contracts.errors import Problem
from contracts.events import Event, Speaker
from contracts.requests import Command
from runtime.work import Get, Handle, Keys, Local, Message, Reaction, Ref, Work

INSERT = "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

SELF = str(Speaker.CATALOG)

_NOTHING = msgspec.Raw(b"null")
_NAMES = ("job", "assignment", "gallery", "tenant", "image", "name")
"""Fields of a command that say what it is about, where it changed nothing that is watched."""


def audited(reactions: Mapping[type, Reaction]) -> dict[type, Reaction]:
    """The reactions, each writing what it changed to the audit log."""
    return {
        kind: dataclasses.replace(reaction, keys=_with_head(reaction.keys), handle=_writing(kind, reaction.handle))
        for kind, reaction in reactions.items()
    }


def _with_head(keys: Keys) -> Keys:
    head = AUDIT(AUDIT_HEAD)

    def keys_and_head(message: Message[Any], get: Get) -> tuple[Ref, ...]:
        return (*keys(message, get), head)

    return keys_and_head


def _writing(kind: type, handle: Handle) -> Handle:
    command = issubclass(kind, Command)
    action = _action(kind)

    def handle_and_write(message: Message[Any], work: Work) -> msgspec.Struct | None:
        reply = handle(message, work)
        if isinstance(reply, Problem):
            return reply
        written = False
        for name, id in [key for key in work.changed if key[0] in WATCHED]:
            watched, before, after = WATCHED[name], work.before(name, id), work.changed[name, id]
            if not command and not other(watched, before, after):
                continue
            was, now = difference(watched, before, after)
            if was or now:
                state = before if after is None else after
                owner = watched.tenant(work, id, state) or _tenant(message)
                _write(work, _forced(action, message), owner, watched.about(id, state), was, now)
                written = True
        if command and not written:
            _write(work, _forced(action, message), message.body.actor.tenant, _subject(message.body), None, None)
        return reply

    return handle_and_write


def _action(kind: type) -> str:
    """``edit_image``, ``source.prepared``, ``retention.review``."""
    if issubclass(kind, Command):
        return kind.subject().rpartition(".")[2]
    return kind.words() if issubclass(kind, Event) else str(kind.__struct_config__.tag)  # type: ignore[attr-defined]


def _forced(action: str, message: Message[Any]) -> str:
    """``delete_version:force``: that somebody used force is no part of what is there afterwards (features.md F10)."""
    return f"{action}:force" if getattr(message.body, "force", False) else action


def _write(work: Work, action: str, tenant: str, about: str, before: Fields | None, after: Fields | None) -> None:
    message = work.message
    tip = work.get(AUDIT, AUDIT_HEAD) or Tip()
    sequence, at, actor = tip.sequence + 1, message.at.astimezone(UTC), _actor(message, tenant)
    was, now = _json(before), _json(after)
    hash = seal(
        tip.hash,
        sequence=sequence,
        at=at,
        tenant=tenant,
        actor=actor,
        action=action,
        about=about,
        command=message.id,
        before=was,
        after=now,
    )
    row = (sequence, at.timestamp(), tenant, actor, action, about, message.id, _text(was), _text(now), tip.hash, hash)
    work.write(INSERT, *row)
    work.put(AUDIT, AUDIT_HEAD, Tip(sequence=sequence, hash=hash))


def _json(fields: Fields | None) -> msgspec.Raw:
    return _NOTHING if fields is None else msgspec.Raw(canonical(fields))


def _text(raw: msgspec.Raw) -> str:
    return bytes(raw).decode()


def _actor(message: Message[Any], tenant: str) -> str:
    """Who did it: the actor of a command, with his tenant where that is not the one it was done to; else who spoke."""
    body = message.body
    if isinstance(body, Command):
        actor = body.actor
        return actor.name if actor.tenant == tenant else f"{actor.tenant}/{actor.name}"
    return getattr(body, "author", SELF) if isinstance(body, Local) else message.speaker


def _tenant(message: Message[Any]) -> str:
    return message.body.actor.tenant if isinstance(message.body, Command) else str(getattr(message.body, "tenant", ""))


def _subject(command: Command) -> str:
    values = (getattr(command, name, None) for name in _NAMES)
    return next((value for value in values if isinstance(value, str) and value), "")
