"""What the connector says of its pod: that it started, what the pod holds, that it is still here."""

from typing import Final

from connector import messages
from connector.domain.inventory import Inventory, differing, pages
from contracts.events import from_pods, to_pods
from runtime.work import Kind, Message, Work

INVENTORY: Final[Kind[Inventory]] = Kind("inventory", Inventory)
"""What was told last; none: the next look tells everything."""
HERE: Final = "here"


def on_started(message: Message[messages.Started], work: Work) -> None:
    body = message.body
    work.emit(
        from_pods.PodAnnounced(
            boot=body.boot,
            address=body.address,
            hypervisor=body.hypervisor,
            family=body.family,
            connector_version=body.connector_version,
            formats=body.formats,
            labels=body.labels,
            datastores=body.datastores,
            interval=body.interval,
            token=body.token,
            virtual_limit=body.virtual_limit,
            capabilities=body.capabilities,
        )
    )


def on_observed(message: Message[messages.Observed], work: Work) -> None:
    """What changed since it was told last, and the report. Told nothing, or asked on demand: all of it."""
    body = message.body
    told = work.get(INVENTORY, HERE)
    if told is None or told.root != body.inventory.root:
        work.put(INVENTORY, HERE, body.inventory)
        for page in pages(body.inventory, differing(body.inventory, () if told is None else told.sections)):
            work.emit(page)
    work.emit(
        from_pods.PodReported(
            boot=body.boot,
            root=body.inventory.root,
            datastores=body.datastores,
            dead_letters=body.dead_letters,
            working=body.working,
        )
    )


def on_inventory_requested(message: Message[to_pods.InventoryRequested], work: Work) -> None:
    """Tell again what was told last, as far as the hub has not got it.

    On demand what was told is forgotten, so that the next look tells everything; it follows this commit (`presence`).
    Before the first look at the pod there is nothing to tell, and it is told then.
    """
    told = work.get(INVENTORY, HERE)
    if told is None:
        return
    if not message.body.root or not told.sections:
        work.put(INVENTORY, HERE, None)
        return
    for page in pages(told, differing(told, message.body.known)):
        work.emit(page)
