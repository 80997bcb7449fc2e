"""Placement policies: where a tenant's published versions belong, also on pods that join later."""

from typing import Any

from litestar import Request, Response, delete, get, post, put
from litestar.params import FromPath, RawBody

from contracts.requests import Done, DropPolicy, GetPolicy, ListPolicies, PolicyPage, SetPolicy, SuspendPolicy
from contracts.views import PolicyView
from gateway.answers import Cursor, IfMatch, Key, Limit, does, etag, reads, revision_in, writes
from gateway.bodies import PolicyToSet, read
from gateway.door import Door, Services, answer, done, policy_in
from gateway.shapes import shape

TAGS = ["policies"]
PATH = "/v1/policies/{policy:str}"


@get(
    "/v1/policies",
    operation_id="list_policies",
    summary="List policies",
    tags=TAGS,
    responses=reads(shape(PolicyPage), "A page of policies, by name."),
)
async def list_policies(
    door: Services, request: Request[Any, Any, Any], limit: Limit = 100, cursor: Cursor = None
) -> Response[bytes]:
    """The placement policies of the caller's tenant."""
    return answer(await door.ask(ListPolicies(actor=door.actor(request), limit=limit, cursor=cursor), PolicyPage))


@get(
    PATH,
    operation_id="get_policy",
    summary="Show a policy",
    tags=TAGS,
    responses=reads(shape(PolicyView), "The policy.", "policy_not_found"),
)
async def get_policy(door: Services, request: Request[Any, Any, Any], policy: FromPath[str]) -> Response[bytes]:
    """A policy, and the pods that it names now."""
    return _policy(await door.ask(GetPolicy(actor=door.actor(request), name=policy_in(policy)), PolicyView))


@put(
    PATH,
    operation_id="set_policy",
    summary="Set a policy",
    tags=TAGS,
    responses=writes(
        200, shape(PolicyView), "The policy that is in force now.", "policy_not_found", "policy_invalid",
        "revision_mismatch",
    ),
)  # fmt: skip
async def set_policy(
    door: Services,
    request: Request[Any, Any, Any],
    policy: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Make a policy or change it; `If-Match: "0"` makes it only if there is none of this name."""
    asked = SetPolicy(
        **door.command(request, key),
        name=policy_in(policy),
        policy=read(PolicyToSet, body).policy(),
        revision=revision_in(if_match),
    )
    return _policy(await door.ask(asked, PolicyView))


@delete(
    PATH,
    operation_id="drop_policy",
    summary="Drop a policy",
    tags=TAGS,
    status_code=204,
    responses=does("It is gone; the copies that it made stay.", "policy_not_found"),
)
async def drop_policy(
    door: Services, request: Request[Any, Any, Any], policy: FromPath[str], key: Key = None
) -> Response[None]:
    """Remove a policy."""
    await door.ask(DropPolicy(**door.command(request, key), name=policy_in(policy)), Done)
    return done()


SUSPENDS = writes(200, shape(PolicyView), "The policy.", "policy_not_found")


@post(
    f"{PATH}/suspend",
    operation_id="suspend_policy",
    summary="Suspend a policy",
    tags=TAGS,
    status_code=200,
    responses=SUSPENDS,
)
async def suspend_policy(
    door: Services, request: Request[Any, Any, Any], policy: FromPath[str], key: Key = None
) -> Response[bytes]:
    """Leave a policy out of account until it is resumed."""
    return await _suspend(door, request, policy, key, resume=False)


@post(
    f"{PATH}/resume",
    operation_id="resume_policy",
    summary="Resume a policy",
    tags=TAGS,
    status_code=200,
    responses=SUSPENDS,
)
async def resume_policy(
    door: Services, request: Request[Any, Any, Any], policy: FromPath[str], key: Key = None
) -> Response[bytes]:
    """Heed a policy again, also for what happened meanwhile."""
    return await _suspend(door, request, policy, key, resume=True)


async def _suspend(
    door: Door, request: Request[Any, Any, Any], policy: str, key: str | None, *, resume: bool
) -> Response[bytes]:
    asked = SuspendPolicy(**door.command(request, key), name=policy_in(policy), resume=resume)
    return _policy(await door.ask(asked, PolicyView))


def _policy(view: PolicyView) -> Response[bytes]:
    return answer(view, headers=etag(view.revision))


HANDLERS = (list_policies, get_policy, set_policy, drop_policy, suspend_policy, resume_policy)
