"""The audit log of sharing and of the directory, in its order."""

from typing import Any

import msgspec

from contracts.audit import Tip
from contracts.errors import Problem
from contracts.requests import AuditPage, ListSharingAudit
from contracts.views import AuditView
from runtime.audited import AUDIT, AUDIT_HEAD
from runtime.store import Reader, from_epoch
from sharing.directory.queries.paging import asked, cut, foreign

ENTRIES = """
    SELECT sequence, at, tenant, actor, action, about, command, before, after, previous, hash FROM audit
    WHERE {where} ORDER BY sequence {way} LIMIT ?"""


async def list_audit(query: ListSharingAudit, reader: Reader) -> AuditPage | Problem:
    """Entries of the log, those of the own tenant only for whoever is neither operator nor auditor."""
    page = asked(query.limit, query.cursor)
    if isinstance(page, Problem):
        return page
    if page.after and not (page.after.isascii() and page.after.isdecimal() and len(page.after) < 19):
        return foreign()
    whole = "audit" in query.actor.rights
    down = query.sort == "-sequence"
    given = {
        "about = ?": query.about,
        "actor = ?": query.actor_name,
        "tenant = ?": None if whole else query.actor.tenant,
        f"sequence {'<' if down else '>'} ?": int(page.after) if page.after else None,
    }
    terms = {term: value for term, value in given.items() if value is not None}
    sql = ENTRIES.format(where=" AND ".join(terms) or "1", way="DESC" if down else "ASC")
    # The tip first: what is written meanwhile goes beyond it, and is missing from nothing.
    tip = Tip() if not whole else await reader.get(AUDIT, AUDIT_HEAD) or Tip()
    rows = await reader.rows(sql, (*terms.values(), page.limit + 1))
    items, next = cut([(str(row[0]), _view(*row)) for row in rows], page.limit)
    return AuditPage(items=items, next=next, sequence=tip.sequence, head=tip.hash)


def _view(sequence: int, at: float, *texts: Any) -> AuditView:
    tenant, actor, action, about, command, before, after, previous, hash = texts
    return AuditView(
        sequence=sequence,
        at=from_epoch(at),
        tenant=tenant,
        actor=actor,
        action=action,
        about=about,
        command=command,
        before=msgspec.json.decode(before),
        after=msgspec.json.decode(after),
        previous=previous,
        hash=hash,
    )
