"""Webhooks: events that are posted to addresses of others, signed, and what became of each delivery."""

from typing import Any

from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath, RawBody

from contracts.requests import (
    CreateHook,
    DeliveryPage,
    Done,
    DropHook,
    GetHook,
    HookPage,
    ListDeliveries,
    ListHooks,
    Redeliver,
    TestHook,
    UpdateHook,
)
from contracts.views import DeliveryView, HookView
from gateway.answers import Cursor, IfMatch, Key, Limit, State, does, etag, reads, revision_in, writes
from gateway.bodies import DeliveryToRepeat, WebhookToChange, WebhookToMake, read
from gateway.door import Services, answer, done, hook_in
from gateway.shapes import shape

TAGS = ["webhooks"]
PATH = "/v1/webhooks/{webhook:str}"


@get(
    "/v1/webhooks",
    operation_id="list_webhooks",
    summary="List webhooks",
    tags=TAGS,
    responses=reads(shape(HookPage), "A page of webhooks."),
)
async def list_webhooks(
    door: Services, request: Request[Any, Any, Any], limit: Limit = 100, cursor: Cursor = None
) -> Response[bytes]:
    """The webhooks of the caller's tenant."""
    return answer(await door.ask(ListHooks(actor=door.actor(request), limit=limit, cursor=cursor), HookPage))


@post(
    "/v1/webhooks",
    operation_id="create_webhook",
    summary="Make a webhook",
    tags=TAGS,
    responses=writes(
        201, shape(HookView), "The webhook; no other answer shows its secret.", "hook_limit", "hook_url"
    ),
)  # fmt: skip
async def create_webhook(
    door: Services, request: Request[Any, Any, Any], body: RawBody, key: Key = None
) -> Response[bytes]:
    """Have events posted to an address."""
    data = read(WebhookToMake, body)
    asked = CreateHook(
        **door.command(request, key),
        url=data.url,
        events=data.events,
        images=data.images,
        versions=data.versions,
        pods=data.pods,
        description=data.description,
        secret=data.secret,
    )
    hook = await door.ask(asked, HookView)
    return answer(hook, 201, {"location": f"/v1/webhooks/{hook.id}"})


@get(
    PATH,
    operation_id="get_webhook",
    summary="Show a webhook",
    tags=TAGS,
    responses=reads(shape(HookView), "The webhook.", "hook_not_found"),
)
async def get_webhook(door: Services, request: Request[Any, Any, Any], webhook: FromPath[str]) -> Response[bytes]:
    """A webhook, and how its deliveries go."""
    return _hook(await door.ask(GetHook(actor=door.actor(request), hook=hook_in(webhook)), HookView))


@patch(
    PATH,
    operation_id="change_webhook",
    summary="Change a webhook",
    tags=TAGS,
    responses=writes(200, shape(HookView), "The webhook.", "hook_not_found", "hook_url", "revision_mismatch"),
)
async def change_webhook(
    door: Services,
    request: Request[Any, Any, Any],
    webhook: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Change its address, what it is for, its secret; suspend it, or let it go on."""
    data = read(WebhookToChange, body)
    asked = UpdateHook(
        **door.command(request, key),
        hook=hook_in(webhook),
        url=data.url,
        events=data.events,
        images=data.images,
        versions=data.versions,
        pods=data.pods,
        description=data.description,
        secret=data.secret,
        suspended=data.suspended,
        revision=revision_in(if_match),
    )
    return _hook(await door.ask(asked, HookView))


@delete(
    PATH,
    operation_id="drop_webhook",
    summary="Remove a webhook",
    tags=TAGS,
    status_code=204,
    responses=does("It is gone, with its deliveries.", "hook_not_found"),
)
async def drop_webhook(
    door: Services, request: Request[Any, Any, Any], webhook: FromPath[str], key: Key = None
) -> Response[None]:
    """Remove a webhook; nothing more is posted."""
    await door.ask(DropHook(**door.command(request, key), hook=hook_in(webhook)), Done)
    return done()


@post(
    f"{PATH}/test",
    operation_id="test_webhook",
    summary="Test a webhook",
    tags=TAGS,
    status_code=200,
    responses=writes(200, shape(DeliveryView), "The delivery that is on its way.", "hook_not_found"),
)
async def try_webhook(
    door: Services, request: Request[Any, Any, Any], webhook: FromPath[str], key: Key = None
) -> Response[bytes]:
    """Post a `hook.tested` event, whatever the webhook is for."""
    return answer(await door.ask(TestHook(**door.command(request, key), hook=hook_in(webhook)), DeliveryView))


@post(
    f"{PATH}/redeliver",
    operation_id="redeliver",
    summary="Deliver again",
    tags=TAGS,
    status_code=204,
    responses=does("They are on their way.", "hook_not_found", "delivery_not_found"),
)
async def redeliver(
    door: Services, request: Request[Any, Any, Any], webhook: FromPath[str], body: RawBody, key: Key = None
) -> Response[None]:
    """Try a delivery again that was given up; without a body: all of them."""
    wanted = read(DeliveryToRepeat, body) if body else DeliveryToRepeat()
    await door.ask(Redeliver(**door.command(request, key), hook=hook_in(webhook), delivery=wanted.delivery), Done)
    return done()


@get(
    f"{PATH}/deliveries",
    operation_id="list_deliveries",
    summary="List deliveries",
    tags=TAGS,
    responses=reads(shape(DeliveryPage), "A page of deliveries, newest first.", "hook_not_found"),
)
async def list_deliveries(
    door: Services,
    request: Request[Any, Any, Any],
    webhook: FromPath[str],
    in_state: State = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """What became of each event: PENDING, DELIVERED, or DEAD after the last attempt."""
    asked = ListDeliveries(actor=door.actor(request), hook=hook_in(webhook), state=in_state, limit=limit, cursor=cursor)
    return answer(await door.ask(asked, DeliveryPage))


def _hook(view: HookView) -> Response[bytes]:
    return answer(view, headers=etag(view.revision))


HANDLERS = (
    list_webhooks,
    create_webhook,
    get_webhook,
    change_webhook,
    drop_webhook,
    try_webhook,
    redeliver,
    list_deliveries,
)
