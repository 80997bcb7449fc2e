"""The read side: a tenant's webhooks and their deliveries."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from contracts.errors import Problem
from contracts.requests import DeliveryPage, GetHook, HookPage, ListDeliveries, ListHooks, Request
from contracts.requests.base import Actor
from contracts.views import DeliveryView, HookView
from notifier.documents import DELIVERY, HOOK, HOOKS, TALLY
from notifier.domain.hook import Hook
from notifier.domain.tally import Tally
from notifier.views import delivery_view, hook_view, no_hook
from runtime.requests import Query
from runtime.store import Reader

LARGEST_PAGE = 500
BYTES = 512 * 1024
"""A page is one message."""
STATES = ("PENDING", "DELIVERED", "DEAD")

# What is posted can be large and is not shown.
NEWEST = "SELECT id, json_set(body, '$.data', json('null')) FROM deliveries WHERE hook = ? AND id < ?"
FROM_THE_END = "~"
"""Greater than every id."""

V = TypeVar("V", HookView, DeliveryView)


async def list_hooks(query: ListHooks, reader: Reader) -> HookPage:
    """The tenant's webhooks, oldest first; the cursor is the last id."""
    hooks = await reader.get(HOOKS, query.actor.tenant)
    ids = [id for id in (hooks.ids if hooks else ()) if id > (query.cursor or "")]
    views = []
    for id in ids[: _limit(query.limit) + 1]:
        hook, tally = await reader.get(HOOK, id), await reader.get(TALLY, id)
        if hook is not None:
            views.append(hook_view(id, hook, tally or Tally()))
    items, more = _cut(views, query.limit)
    return HookPage(items=items, next=more)


async def get_hook(query: GetHook, reader: Reader) -> HookView | Problem:
    """One webhook."""
    hook = await _own(query.hook, query.actor, reader)
    if hook is None:
        return no_hook(query.hook)
    return hook_view(query.hook, hook, await reader.get(TALLY, query.hook) or Tally())


async def list_deliveries(query: ListDeliveries, reader: Reader) -> DeliveryPage | Problem:
    """Deliveries of a webhook, newest first; the cursor is the last id."""
    if await _own(query.hook, query.actor, reader) is None:
        return no_hook(query.hook)
    if query.state is not None and query.state not in STATES:
        return Problem(
            code="validation_failed",
            detail=f"there is no state {query.state[:40]!r}",
            hint=f"Name one of {', '.join(STATES)}, or none.",
            data={"field": "state"},
        )
    params: list[str | int] = [query.hook, query.cursor or FROM_THE_END]
    sql = NEWEST
    if query.state is not None:
        sql += " AND state = ?"
        params.append(query.state)
    rows = await reader.rows(f"{sql} ORDER BY id DESC LIMIT ?", (*params, _limit(query.limit) + 1))
    items, more = _cut([delivery_view(id, DELIVERY.decode(body)) for id, body in rows], query.limit)
    return DeliveryPage(items=items, next=more)


QUERIES: Mapping[type[Request], Query] = {
    ListHooks: list_hooks,
    GetHook: get_hook,
    ListDeliveries: list_deliveries,
}
"""Every query that the notifier answers."""


async def _own(id: str, actor: Actor, reader: Reader) -> Hook | None:
    hook = await reader.get(HOOK, id)
    return hook if hook is not None and hook.tenant == actor.tenant else None


def _limit(asked: int) -> int:
    return min(max(asked, 1), LARGEST_PAGE)


def _cut(views: Sequence[V], asked: int) -> tuple[tuple[V, ...], str | None]:
    """One page of ``views``, of which one more than asked for was read, and the cursor of the next."""
    count = total = 0
    for view in views[: _limit(asked)]:
        total += len(msgspec.json.encode(view))
        if count and total > BYTES:
            break
        count += 1
    page = tuple(views[:count])
    return page, page[-1].id if count < len(views) else None
