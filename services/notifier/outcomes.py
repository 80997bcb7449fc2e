"""What the notifier tells itself: attempts that ended, deliveries that are given up, taken up again, or forgotten."""

from collections.abc import Iterator

import msgspec
import structlog

from notifier.documents import DELIVERY, HOOK, TALLY
from notifier.domain.delivery import Attempt, Dead, Pending, attempted, given_up
from notifier.domain.tally import Tally
from notifier.hooks import Config, revive
from notifier.messages import Attempted, Purge, Revive, Shed
from runtime.work import Get, Message, Ref, Work

log = structlog.get_logger()


def attempted_keys(message: Message[Attempted], get: Get) -> Iterator[Ref]:
    id = message.body.delivery
    yield DELIVERY(id)
    delivery = get(DELIVERY, id)
    if delivery is not None:
        yield HOOK(delivery.hook)
        yield TALLY(delivery.hook)


def on_attempted(message: Message[Attempted], work: Work, config: Config) -> None:
    """Note how an attempt ended. A receiver that says 410 Gone gets nothing more until its owner resumes it."""
    said = message.body
    delivery = work.get(DELIVERY, said.delivery)
    if not isinstance(delivery, Pending):
        return  # given up or removed with its webhook meanwhile
    hook = work.get(HOOK, delivery.hook)
    if hook is None:
        return
    attempt = Attempt(at=message.at, status=said.status, error=said.error, chance=said.chance)
    after = attempted(delivery, attempt, config.schedule)
    work.put(DELIVERY, said.delivery, after)
    tally = work.get(TALLY, delivery.hook) or Tally()
    work.put(TALLY, delivery.hook, tally.moved(delivery, after).heard(after, message.at))
    if attempt.gone and not hook.suspended:
        log.warning("hook_suspended", hook=delivery.hook, reason="the receiver answered 410 Gone")
        suspended = msgspec.structs.replace(hook, suspended=True, revision=hook.revision + 1)
        work.put(HOOK, delivery.hook, suspended)


def listed_keys(message: Message[Shed | Revive], _: Get) -> Iterator[Ref]:
    yield HOOK(message.body.hook)
    yield TALLY(message.body.hook)
    yield from map(DELIVERY, message.body.deliveries)


def on_shed(message: Message[Shed], work: Work, _: Config) -> None:
    """Give up what waits in excess; it is listed as DEAD with the reason."""
    said = message.body
    if work.get(HOOK, said.hook) is None:
        return
    for id in said.deliveries:
        delivery = work.get(DELIVERY, id)
        if isinstance(delivery, Pending):
            dead = given_up(delivery, said.reason, message.at)
            work.put(DELIVERY, id, dead)
            work.put(TALLY, said.hook, (work.get(TALLY, said.hook) or Tally()).moved(delivery, dead))


def on_revive(message: Message[Revive], work: Work, _: Config) -> None:
    """Take deliveries up again, and note when that was the last page."""
    said = message.body
    hook = work.get(HOOK, said.hook)
    if hook is None:
        return
    for id in said.deliveries:
        delivery = work.get(DELIVERY, id)
        if isinstance(delivery, Dead):
            revive(work, id, delivery)
    if not said.deliveries and hook.redeliver == said.asked:
        work.put(HOOK, said.hook, msgspec.structs.replace(hook, redeliver=None))


def purge_keys(message: Message[Purge], get: Get) -> Iterator[Ref]:
    for id in message.body.deliveries:
        yield DELIVERY(id)
        delivery = get(DELIVERY, id)
        if delivery is not None:
            yield TALLY(delivery.hook)


def on_purge(message: Message[Purge], work: Work, _: Config) -> None:
    """Forget deliveries that ended; one that was taken up again meanwhile stays."""
    for id in message.body.deliveries:
        delivery = work.get(DELIVERY, id)
        if delivery is None or isinstance(delivery, Pending):
            continue
        work.put(DELIVERY, id, None)
        tally = work.get(TALLY, delivery.hook)
        if tally is not None:
            work.put(TALLY, delivery.hook, tally.moved(delivery, None))
