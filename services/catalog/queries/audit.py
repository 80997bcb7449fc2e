"""The audit log as people read it: in its order, whole for an operator or an auditor."""

import msgspec

from catalog import pages
from catalog.documents import AUDIT, AUDIT_HEAD
from catalog.pages import Value
from contracts.audit import Tip
from contracts.errors import Problem
from contracts.requests import Actor, AuditPage, ListAudit
from contracts.views import AuditView
from runtime.store import Reader, from_epoch

FAR = 1000
"""How many entries one page looks at, at most: it may be short and still have a next one."""

ENTRIES = """
    SELECT sequence, at, tenant, actor, action, about, command, before, after, previous, hash FROM (
        SELECT * FROM audit WHERE {led} sequence > ? ORDER BY sequence LIMIT ?
    ) WHERE {others} LIMIT ?"""
END = "SELECT sequence FROM audit WHERE {led} sequence > ? ORDER BY sequence LIMIT 1 OFFSET ?"
COLUMNS = ("about", "actor", "tenant")
"""In the order in which they narrow: each has an index."""


async def list_audit(query: ListAudit, reader: Reader) -> AuditPage | Problem:
    """Entries of the log, those of the own tenant only for whoever is neither operator nor auditor."""
    limit, cursor = pages.size(query.limit), pages.after(query.cursor, int)
    if isinstance(limit, Problem):
        return limit
    if isinstance(cursor, Problem):
        return cursor
    whole = _sees_all(query.actor)
    tip = Tip() if not whole else await reader.get(AUDIT, AUDIT_HEAD) or Tip()
    given = {
        "about": query.about,
        "actor": query.actor_name,
        "tenant": None if whole else query.actor.tenant,
    }
    terms = [(column, value) for column in COLUMNS if (value := given[column]) is not None]
    led, others = terms[:1], terms[1:]
    parts = {
        "led": "".join(f"{column} = ? AND " for column, _ in led),
        "others": " AND ".join(f"{column} = ?" for column, _ in others) or "1",
    }
    start: list[Value] = [*(value for _, value in led), cursor or 0]
    far = FAR if others else limit + 1
    rows = await reader.rows(ENTRIES.format(**parts), (*start, far, *(value for _, value in others), limit + 1))
    page = pages.cut(rows, limit, body=8)
    next = page.next
    if others and next is None:
        last = await reader.rows(END.format(**parts), (*start, far - 1))
        next = pages.cursor_at(last[0][0]) if last else None
    items = tuple(
        AuditView(
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
        for sequence, at, tenant, actor, action, about, command, before, after, previous, hash in page.rows
    )
    items, next = pages.fit(items, [row[0] for row in page.rows], next)
    return AuditPage(items=items, next=next, sequence=tip.sequence, head=tip.hash)


def _sees_all(actor: Actor) -> bool:
    return actor.operator or "auditor" in actor.roles
