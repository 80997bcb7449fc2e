"""What is known of a version: where it comes from, who uses it, and what validations say."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath, RawBody

from contracts.requests import AncestorPage, GetLineage, GetUsers, RecordValidation, UserPage
from contracts.views import VersionView
from gateway.answers import Cursor, Key, Limit, reads, writes
from gateway.bodies import ValidationToRecord, read
from gateway.door import Services, answer, image_in, number_in
from gateway.narrowing import Sort, narrowed
from gateway.routes.versions import NOWHERE, PATH, TAGS, shown
from gateway.shapes import shape

LINEAGE_OWN = frozenset({"sort"})
USERS_OWN = frozenset({"sort", "limit", "cursor"})
"""Parameters of the lists that are no filters on fields."""


@post(
    f"{PATH}/validations",
    operation_id="record_validation",
    summary="Record a validation",
    tags=TAGS,
    status_code=200,
    responses=writes(
        200, shape(VersionView), "The version.", *NOWHERE, "version_not_ready", "version_deleted", "limit_exceeded",
        "class_read_only", "forbidden",
    ),
)  # fmt: skip
async def record_validation(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    body: RawBody,
    key: Key = None,
) -> Response[bytes]:
    """Add the result of a validation; one of the same kind is replaced."""
    data = read(ValidationToRecord, body)
    asked = door.order(RecordValidation, request, key, data, image=image_in(image), number=number_in(version))
    return await shown(door, request, await door.ask(asked, VersionView))


@get(
    f"{PATH}/lineage",
    operation_id="get_lineage",
    summary="Show where a version comes from",
    tags=TAGS,
    responses=reads(shape(AncestorPage), "Its ancestors, the nearest first unless `sort` says otherwise.", *NOWHERE),
)
async def get_lineage(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], version: FromPath[str], sort: Sort = None
) -> Response[bytes]:
    """The versions that a version was made from, also those that are gone. Every filter that is given must hold."""
    asked = GetLineage(
        actor=door.actor(request),
        image=image_in(image),
        number=number_in(version),
        where=narrowed(request, "get_lineage", LINEAGE_OWN),
        sort=sort or "",
    )
    return answer(await door.ask(asked, AncestorPage))


@get(
    f"{PATH}/users",
    operation_id="list_users",
    summary="List who uses a version",
    tags=TAGS,
    responses=reads(shape(UserPage), "A page of assignments, pod by pod unless `sort` says otherwise.", *NOWHERE),
)
async def list_users(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    sort: Sort = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """Who uses or wants a version, with users and last use as the pods report them. Every filter that is given must
    hold."""
    asked = GetUsers(
        actor=door.actor(request),
        image=image_in(image),
        number=number_in(version),
        where=narrowed(request, "list_users", USERS_OWN),
        sort=sort or "",
        limit=limit,
        cursor=cursor,
    )
    return answer(await door.ask(asked, UserPage))


HANDLERS = (record_validation, get_lineage, list_users)
