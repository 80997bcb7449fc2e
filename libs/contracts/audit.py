"""The audit log's chain: each entry is sealed with a hash over the seal before it and all that the entry says.

Whoever has the entries can verify them: one that was changed, left out, put in or moved breaks the chain from there on.
Against an end that was cut off helps the newest sequence and hash, kept somewhere else or told by the catalog.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec

from contracts.views.holdings import AuditView

BEGINNING = ""
"""What stands for the seal before the first entry."""

_canonical = msgspec.json.Encoder(order="sorted").encode


class Tip(msgspec.Struct, frozen=True, kw_only=True):
    """How far a log goes: the sequence of its newest entry, and that one's hash."""

    sequence: int = 0
    hash: str = BEGINNING


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Where a log is not what was written. ``missing``: entries between ``sequence`` and the one before are not there,
    or the log ends too early; ``order``: an entry comes twice or too late; ``chain``: it does not follow on what stands
    before it; ``content``: it was changed."""

    sequence: int
    what: Literal["missing", "order", "chain", "content"]


def canonical(value: Any) -> bytes:
    """JSON with sorted members and without white space: the same bytes for the same content."""
    return _canonical(value)


def seal(
    previous: str,
    *,
    sequence: int,
    at: datetime,
    tenant: str,
    actor: str,
    action: str,
    about: str,
    command: str,
    before: Any,
    after: Any,
) -> str:
    """The hash (SHA-256, hex) of an entry that follows on the one with the hash ``previous``."""
    content = {
        "about": about,
        "action": action,
        "actor": actor,
        "after": after,
        "at": at,
        "before": before,
        "command": command,
        "sequence": sequence,
        "tenant": tenant,
    }
    return hashlib.sha256(previous.encode() + canonical(content)).hexdigest()


def sealed(entry: AuditView) -> str:
    """The hash that ``entry`` must have after the one that it names as the previous one."""
    return seal(
        entry.previous,
        sequence=entry.sequence,
        at=entry.at,
        tenant=entry.tenant,
        actor=entry.actor,
        action=entry.action,
        about=entry.about,
        command=entry.command,
        before=entry.before,
        after=entry.after,
    )


def verify(entries: Iterable[AuditView], *, since: Tip | None = None, until: Tip | None = None) -> Tip | Fault:
    """Go through a whole log, or a part of it that follows on ``since``; how far it goes, or the first fault.

    ``until`` is a point that the log must reach and pass through: the newest entry that is known from elsewhere.
    """
    tip = since or Tip()
    passed = until is None or until == tip
    for entry in entries:
        if entry.sequence != tip.sequence + 1:
            return Fault(sequence=entry.sequence, what="order" if entry.sequence <= tip.sequence else "missing")
        if entry.previous != tip.hash:
            return Fault(sequence=entry.sequence, what="chain")
        if sealed(entry) != entry.hash:
            return Fault(sequence=entry.sequence, what="content")
        tip = Tip(sequence=entry.sequence, hash=entry.hash)
        if until is not None and tip.sequence == until.sequence:
            if tip.hash != until.hash:
                return Fault(sequence=tip.sequence, what="content")
            passed = True
    if not passed and until is not None:
        return Fault(sequence=until.sequence, what="missing")
    return tip
