"""Documents as people see them, and the refusals that several places give."""

from contracts.errors import Problem
from contracts.views import DeliveryView, HookView
from notifier.domain.delivery import Delivery, Pending
from notifier.domain.hook import Hook
from notifier.domain.tally import Tally
from runtime.store import from_epoch


def hook_view(id: str, hook: Hook, tally: Tally) -> HookView:
    """A webhook without its secret."""
    return HookView(
        id=id,
        url=hook.url,
        events=hook.events,
        images=hook.images,
        versions=hook.versions,
        pods=hook.pods,
        description=hook.description,
        suspended=hook.suspended,
        failing=tally.failing,
        pending=tally.pending,
        dead=tally.dead,
        created=hook.created,
        revision=hook.revision,
    )


def delivery_view(id: str, delivery: Delivery) -> DeliveryView:
    """A delivery without what is posted."""
    return DeliveryView(
        id=id,
        hook=delivery.hook,
        event=delivery.event,
        type_name=delivery.type_name,
        state=str(delivery.__struct_config__.tag),
        attempts=delivery.attempts,
        status=delivery.status,
        error=delivery.error,
        next_attempt=from_epoch(delivery.next) if isinstance(delivery, Pending) else None,
        created=delivery.created,
        updated=delivery.updated,
    )


def no_hook(id: str) -> Problem:
    """There is none, or it is another tenant's."""
    return Problem(
        code="hook_not_found", detail=f"there is no webhook {id[:80]!r}", hint="List your webhooks to see their ids."
    )


def no_delivery(id: str) -> Problem:
    """The webhook has none of this id, or has it no more."""
    return Problem(
        code="delivery_not_found",
        detail=f"the webhook has no delivery {id[:80]!r}",
        hint="List its deliveries; those that arrived are kept for a day, those given up for a month.",
    )
