"""Retention policies: which old versions are deleted, deprecated or disabled by themselves."""

from typing import Any

from litestar import Request, Response, delete, get, post, put
from litestar.params import FromPath, RawBody

from contracts.keeping import Retention
from contracts.requests import (
    Done,
    DropRetention,
    ListRetentions,
    PreviewRetention,
    RetentionPage,
    RunRetention,
    SetRetention,
    VictimPage,
)
from contracts.views import RetentionView
from gateway.answers import Cursor, IfMatch, Key, Limit, computes, does, etag, reads, revision_in, writes
from gateway.bodies import Body, RetentionToSet, read
from gateway.bodies.base import convert, fields
from gateway.door import Services, answer, done, retention_in
from gateway.shapes import shape

TAGS = ["retentions"]
PATH = "/v1/retentions/{retention:str}"


@get(
    "/v1/retentions",
    operation_id="list_retentions",
    summary="List retention policies",
    tags=TAGS,
    responses=reads(shape(RetentionPage), "All retention policies, by name."),
)
async def list_retentions(door: Services, request: Request[Any, Any, Any]) -> Response[bytes]:
    """The retention policies of the caller's tenant."""
    return answer(await door.ask(ListRetentions(actor=door.actor(request)), RetentionPage))


@put(
    PATH,
    operation_id="set_retention",
    summary="Set a retention policy",
    tags=TAGS,
    responses=writes(
        200, shape(RetentionView), "The policy that is in force now.", "retention_not_found", "retention_invalid",
        "limit_exceeded", "revision_mismatch", "forbidden",
    ),
)  # fmt: skip
async def set_retention(
    door: Services,
    request: Request[Any, Any, Any],
    retention: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Make a retention policy, or replace the one of this name; `If-Match: "0"` makes it only if there is none."""
    wanted = _retention(retention, read(RetentionToSet, body))
    asked = door.order(SetRetention, request, key, retention=wanted, revision=revision_in(if_match))
    view = await door.ask(asked, RetentionView)
    return answer(view, headers=etag(view.revision))


@delete(
    PATH,
    operation_id="drop_retention",
    summary="Drop a retention policy",
    tags=TAGS,
    status_code=204,
    responses=does("It is gone; what it took stays so.", "retention_not_found", "revision_mismatch", "forbidden"),
)
async def drop_retention(
    door: Services,
    request: Request[Any, Any, Any],
    retention: FromPath[str],
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[None]:
    """Remove a retention policy."""
    asked = door.order(DropRetention, request, key, name=retention_in(retention), revision=revision_in(if_match))
    await door.ask(asked, Done)
    return done()


@post(
    f"{PATH}/preview",
    operation_id="preview_retention",
    summary="Preview a retention policy",
    tags=TAGS,
    status_code=200,
    responses=computes(
        shape(VictimPage), "A page of what it would take.", "retention_not_found", "retention_invalid", "forbidden"
    ),
)
async def preview_retention(
    door: Services,
    request: Request[Any, Any, Any],
    retention: FromPath[str],
    body: RawBody,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """What the policy would take if it ran now; with a body: what it would take if it were like that."""
    name = retention_in(retention)
    asked = PreviewRetention(
        actor=door.actor(request),
        name=None if body else name,
        retention=_retention(name, read(RetentionToSet, body)) if body else None,
        limit=limit,
        cursor=cursor,
    )
    return answer(await door.ask(asked, VictimPage))


@post(
    f"{PATH}/run",
    operation_id="run_retention",
    summary="Run a retention policy",
    tags=TAGS,
    status_code=204,
    responses=does("It runs.", "retention_not_found", "forbidden"),
)
async def run_retention(
    door: Services, request: Request[Any, Any, Any], retention: FromPath[str], key: Key = None
) -> Response[None]:
    """Apply a policy now, and not when its day comes."""
    await door.ask(door.order(RunRetention, request, key, name=retention_in(retention)), Done)
    return done()


def _retention(name: str, body: Body) -> Retention:
    return convert({**fields(body), "name": retention_in(name)}, Retention)


HANDLERS = (list_retentions, set_retention, drop_retention, preview_retention, run_retention)
