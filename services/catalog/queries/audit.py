"""The audit log as people read it: in its order, whole for an operator or an auditor."""

import msgspec

from catalog import pages
from catalog.filters import Condition, Field, conditions, order
from catalog.queries.listing import compared
from contracts.audit import Tip
from contracts.errors import Problem
from contracts.requests import Actor, AuditPage, ListAudit
from contracts.views import AuditView
from runtime.audited import AUDIT, AUDIT_HEAD
from runtime.store import Reader, from_epoch

FAR = 1000
"""How many entries one page looks at, at most: it may be short and still have a next one."""

FIELDS = {
    **{name: Field(sql=name, sorts=False) for name in ("about", "actor", "tenant", "action", "command")},
    "sequence": Field("number", "sequence"),
    "at": Field("time", "CAST(at * 1000 + 0.5 AS INTEGER)", sorts=False),
}
"""What entries can be filtered by. They come in their order, upwards or downwards."""
LEADING = ("about", "actor", "tenant")
"""In the order in which they narrow: each has an index."""

ENTRIES = """
    SELECT sequence, at, tenant, actor, action, about, command, before, after, previous, hash FROM (
        SELECT * FROM audit WHERE {inner} ORDER BY sequence {way} LIMIT ?
    ) WHERE {outer} LIMIT ?"""
END = "SELECT sequence FROM audit WHERE {inner} ORDER BY sequence {way} LIMIT 1 OFFSET ?"


async def list_audit(query: ListAudit, reader: Reader) -> AuditPage | Problem:
    """Entries of the log, those of the own tenant only for whoever is neither operator nor auditor. A page whose
    filters are met by few of many may be short, and still have a next one."""
    limit, cursor = pages.size(query.limit), pages.after(query.cursor, int)
    if isinstance(limit, Problem):
        return limit
    if isinstance(cursor, Problem):
        return cursor
    sort, terms = order(query.sort, FIELDS), conditions(query.where, FIELDS)
    if isinstance(sort, Problem):
        return sort
    if isinstance(terms, Problem):
        return terms
    whole = _sees_all(query.actor)
    tip = Tip() if not whole else await reader.get(AUDIT, AUDIT_HEAD) or Tip()
    given = {
        "about": query.about,
        "actor": query.actor_name,
        "tenant": None if whole else query.actor.tenant,
    }
    terms = [Condition(field, "=", value) for field, value in given.items() if value is not None] + terms
    if cursor is not None:
        terms.append(Condition("sequence", "<" if sort.down else ">", cursor))
    first = min((term for term in terms if term.field in LEADING), key=_narrows, default=None)
    led = [compared(term, FIELDS) for term in terms if term is first or term.field == "sequence"]
    others = [compared(term, FIELDS) for term in terms if term is not first and term.field != "sequence"]
    parts = {
        "inner": " AND ".join(sql for sql, _ in led) or "1",
        "outer": " AND ".join(sql for sql, _ in others) or "1",
        "way": sort.sql,
    }
    start, rest = [value for _, own in led for value in own], [value for _, own in others for value in own]
    far = FAR if others else limit + 1
    rows = await reader.rows(ENTRIES.format(**parts), (*start, far, *rest, limit + 1))
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


def _narrows(term: Condition) -> int:
    return LEADING.index(term.field)


def _sees_all(actor: Actor) -> bool:
    return actor.operator or "auditor" in actor.roles
