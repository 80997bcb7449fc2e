"""The audit log of a service: who changed what, written in the transaction of the change itself (features.md I5).

Done once, around all reactions. Each command that was not refused has an entry, and so has each change of state that an
event or the time brought about: with what was there before and what is there after, as far as they differ. How many
copies of a version there are is no matter for it: the words about copies cost two comparisons here.
"""

import dataclasses
from collections.abc import Mapping
from datetime import UTC
from typing import Any

import msgspec

from contracts.audit import Tip, canonical, seal
from contracts.errors import Problem
from contracts.events import Event, Speaker
from contracts.requests import Command
from runtime.changes import Fields, Watched, difference, other
from runtime.work import Get, Handle, Keys, Kind, Local, Message, Reaction, Ref, Work

AUDIT: Kind[Tip] = Kind("audit_head", Tip)
"""One document: how far the audit log goes."""
AUDIT_HEAD = "head"

INSERT = "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

_NOTHING = msgspec.Raw(b"null")
_NAMES = ("job", "assignment", "gallery", "tenant", "image", "name", "path")
"""Fields of a command that say what it is about, where it changed nothing that is watched."""


def audited(
    reactions: Mapping[type, Reaction], watched: Mapping[str, Watched], speaker: Speaker
) -> dict[type, Reaction]:
    """The reactions of a service, each writing what it changed of the kinds that are ``watched`` to the audit log: the
    table ``audit`` of its database. ``speaker`` is the service itself."""
    writing = _Writing(watched, str(speaker))
    return {
        kind: dataclasses.replace(reaction, keys=_with_head(reaction.keys), handle=writing(kind, reaction.handle))
        for kind, reaction in reactions.items()
    }


def _with_head(keys: Keys) -> Keys:
    head = AUDIT(AUDIT_HEAD)

    def keys_and_head(message: Message[Any], get: Get) -> tuple[Ref, ...]:
        return (*keys(message, get), head)

    return keys_and_head


class _Writing:
    """Makes of a handler one that writes to the log what it changed."""

    def __init__(self, watched: Mapping[str, Watched], itself: str) -> None:
        self._watched = watched
        self._itself = itself

    def __call__(self, kind: type, handle: Handle) -> Handle:
        command = issubclass(kind, Command)
        action = _action(kind)

        def handle_and_write(message: Message[Any], work: Work) -> msgspec.Struct | None:
            reply = handle(message, work)
            if isinstance(reply, Problem):
                return reply
            written = self._changes(message, work, action, command)
            if command and not written:
                named = _forced(action, message)
                self._write(work, named, message.body.actor.tenant, _subject(message.body), None, None)
            return reply

        return handle_and_write

    def _changes(self, message: Message[Any], work: Work, action: str, command: bool) -> bool:
        """Write an entry for each document that changed so that it is told; whether there was one."""
        written = False
        for name, id in [key for key in work.changed if key[0] in self._watched]:
            watched, before, after = self._watched[name], work.before(name, id), work.changed[name, id]
            if not command and not other(watched, before, after):
                continue
            was, now = difference(watched, before, after)
            if was or now:
                state = before if after is None else after
                owner = watched.tenant(work, id, state) or _tenant(message)
                self._write(work, _forced(action, message), owner, watched.about(id, state), was, now)
                written = True
        return written

    def _write(
        self, work: Work, action: str, tenant: str, about: str, before: Fields | None, after: Fields | None
    ) -> None:
        message = work.message
        tip = work.get(AUDIT, AUDIT_HEAD) or Tip()
        sequence, at, actor = tip.sequence + 1, message.at.astimezone(UTC), self._actor(message, tenant)
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
        row = (
            sequence,
            at.timestamp(),
            tenant,
            actor,
            action,
            about,
            message.id,
            _text(was),
            _text(now),
            tip.hash,
            hash,
        )
        work.write(INSERT, *row)
        work.put(AUDIT, AUDIT_HEAD, Tip(sequence=sequence, hash=hash))

    def _actor(self, message: Message[Any], tenant: str) -> str:
        """Who did it: the actor of a command, with his tenant where that is not the one it was done to; else who
        spoke."""
        body = message.body
        if isinstance(body, Command):
            actor = body.actor
            return actor.name if actor.tenant == tenant else f"{actor.tenant}/{actor.name}"
        return getattr(body, "author", self._itself) if isinstance(body, Local) else message.speaker


def _action(kind: type) -> str:
    """``edit_image``, ``source.prepared``, ``retention.review``."""
    if issubclass(kind, Command):
        return kind.subject().rpartition(".")[2]
    return kind.words() if issubclass(kind, Event) else str(kind.__struct_config__.tag)  # type: ignore[attr-defined]


def _forced(action: str, message: Message[Any]) -> str:
    """``delete_version:force``: that somebody used force is no part of what is there afterwards (features.md F10)."""
    return f"{action}:force" if getattr(message.body, "force", False) else action


def _json(fields: Fields | None) -> msgspec.Raw:
    return _NOTHING if fields is None else msgspec.Raw(canonical(fields))


def _text(raw: msgspec.Raw) -> str:
    return bytes(raw).decode()


def _tenant(message: Message[Any]) -> str:
    return message.body.actor.tenant if isinstance(message.body, Command) else str(getattr(message.body, "tenant", ""))


def _subject(command: Command) -> str:
    values = (getattr(command, name, None) for name in _NAMES)
    return next((value for value in values if isinstance(value, str) and value), "")
