"""The audit log: who changed what, chained so that nobody changes it afterwards."""

from typing import Annotated, Any, Literal

from litestar import Request, Response, get
from litestar.params import QueryParameter

from contracts.requests import AuditPage, ListAudit, ListSharingAudit
from gateway.answers import Cursor, Limit, reads
from gateway.door import Services, answer
from gateway.narrowing import Sort, narrowed
from gateway.shapes import shape

OWN = frozenset({"about", "actor", "sort", "limit", "cursor"})
About = Annotated[
    str | None,
    QueryParameter(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,160}$",
        max_length=161,
        description="Only what was done to this: the id of an image, a version, …",
    ),
]
Order = Annotated[
    Literal["sequence", "-sequence"], QueryParameter(description="The oldest first; with `-` the newest.")
]
By = Annotated[
    str | None,
    QueryParameter(name="actor", min_length=1, max_length=128, description="Only what this actor did."),
]


@get(
    "/v1/audit",
    operation_id="list_audit",
    summary="Read the audit log",
    tags=["audit"],
    responses=reads(
        shape(AuditPage),
        "A page of entries, the oldest first or by `sort=-sequence` the newest, and where the log stands now.",
        "forbidden",
    ),
)
async def list_audit(
    door: Services,
    request: Request[Any, Any, Any],
    about: About = None,
    by: By = None,
    sort: Sort = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """Every change with its actor, what was there before and what after; `hash` covers the entry and the one before.
    Every filter that is given must hold."""
    asked = ListAudit(
        actor=door.actor(request),
        about=about,
        actor_name=by,
        where=narrowed(request, "list_audit", OWN),
        sort=sort or "sequence",
        limit=limit,
        cursor=cursor,
    )
    return answer(await door.ask(asked, AuditPage))


@get(
    "/v1/audit/sharing",
    operation_id="list_sharing_audit",
    summary="Read the audit log of sharing",
    tags=["audit"],
    responses=reads(
        shape(AuditPage),
        "A page of entries, the oldest first or by `sort=-sequence` the newest, and where the log stands now.",
        "forbidden",
    ),
)
async def list_sharing_audit(
    door: Services,
    request: Request[Any, Any, Any],
    about: About = None,
    by: By = None,
    sort: Order = "sequence",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """Who shared what with whom, and who changed users, tokens, tenants: a log of its own, chained as the other."""
    asked = ListSharingAudit(
        actor=door.actor(request), about=about, actor_name=by, sort=sort, limit=limit, cursor=cursor
    )
    return answer(await door.ask(asked, AuditPage))


HANDLERS = (list_audit, list_sharing_audit)
