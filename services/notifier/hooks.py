"""The commands of tenants about their webhooks. A webhook of another tenant does not exist."""

import base64
import binascii
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from contracts.errors import Problem
from contracts.requests import (
    CreateHook,
    Done,
    DropHook,
    Redeliver,
    TestHook,
    UpdateHook,
)
from contracts.views import DeliveryView, HookView
from notifier.documents import DELIVERY, HOOK, HOOKS, SECRET, TALLY
from notifier.domain.address import Network
from notifier.domain.delivery import Dead, Delivered, Pending, Schedule, revived
from notifier.domain.hook import Hook, Hooks, Secret, decide_create, decide_update
from notifier.domain.tally import Tally
from notifier.events import post
from notifier.views import delivery_view, hook_view, no_delivery, no_hook
from runtime.work import Get, Message, Ref, Work

PREFIX = "whsec_"
"""What a secret of the Standard Webhooks begins with; base64 of the key follows."""
DROP = "DELETE FROM documents WHERE kind = 'delivery' AND json_extract(body, '$.hook') = ?"


def make_secret() -> str:
    """A fresh secret: 32 random bytes in the form of the Standard Webhooks."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True)
class Config:
    """What the reactions need beside the store."""

    most_hooks: int
    networks: Sequence[Network]
    schedule: Schedule
    make_secret: Callable[[], str] = make_secret


def create_keys(message: Message[CreateHook], _: Get) -> Iterator[Ref]:
    yield HOOKS(message.body.actor.tenant)


def keys(message: Message[Any], _: Get) -> Iterator[Ref]:
    """What the other commands read."""
    command = message.body
    yield HOOKS(command.actor.tenant)
    yield HOOK(command.hook)
    yield TALLY(command.hook)
    if isinstance(command, Redeliver) and command.delivery is not None:
        yield DELIVERY(command.delivery)


def on_create(message: Message[CreateHook], work: Work, config: Config) -> HookView | Problem:
    """Make a webhook; the answer shows its secret, and nothing else ever does."""
    command = message.body
    hooks = work.get(HOOKS, command.actor.tenant) or Hooks()
    hook = decide_create(command, len(hooks.ids), config.most_hooks, config.networks, message.at)
    if isinstance(hook, Problem):
        return hook
    if refused := _unusable(command.secret):
        return refused
    id = work.new_id()
    secret = Secret(value=command.secret or config.make_secret())
    work.put(HOOK, id, hook)
    work.put(SECRET, id, secret)
    work.put(HOOKS, hook.tenant, Hooks(ids=(*hooks.ids, id)))
    work.put(TALLY, id, Tally())
    return msgspec.structs.replace(hook_view(id, hook, Tally()), secret=secret.value)


def on_update(message: Message[UpdateHook], work: Work, config: Config) -> HookView | Problem:
    """Change a webhook; a new secret signs from the next attempt on."""
    command = message.body
    before = _own(command, work)
    if before is None:
        return no_hook(command.hook)
    hook = decide_update(before, command, config.networks)
    if isinstance(hook, Problem):
        return hook
    if refused := _unusable(command.secret):
        return refused
    work.put(HOOK, command.hook, hook)
    if command.secret is not None:
        work.put(SECRET, command.hook, Secret(value=command.secret))
    return hook_view(command.hook, hook, work.get(TALLY, command.hook) or Tally())


def on_drop(message: Message[DropHook], work: Work, _: Config) -> Done | Problem:
    """Remove a webhook with everything that waits for it."""
    command = message.body
    hook = _own(command, work)
    if hook is None:
        return no_hook(command.hook)
    hooks = work.get(HOOKS, hook.tenant) or Hooks()
    work.put(HOOKS, hook.tenant, Hooks(ids=tuple(id for id in hooks.ids if id != command.hook)))
    work.put(HOOK, command.hook, None)
    work.put(SECRET, command.hook, None)
    work.put(TALLY, command.hook, None)
    work.write(DROP, command.hook)
    return Done()


def on_test(message: Message[TestHook], work: Work, _: Config) -> DeliveryView | Problem:
    """Post ``hook.tested``, whatever the filters are."""
    command = message.body
    hook = _own(command, work)
    if hook is None:
        return no_hook(command.hook)
    if hook.suspended:
        return Problem(
            code="validation_failed",
            detail="the webhook is suspended and gets nothing",
            hint="Resume it first (suspended: false).",
            data={"field": "hook"},
        )
    data = msgspec.json.encode({"type": "hook.tested.v1", "hook": command.hook})
    return delivery_view(*post(work, command.hook, work.new_id(), "hook.tested.v1", command.hook, data))


def on_redeliver(message: Message[Redeliver], work: Work, _: Config) -> Done | Problem:
    """Try one DEAD delivery again, or all that are DEAD: those are taken up page by page after this answer."""
    command = message.body
    hook = _own(command, work)
    if hook is None:
        return no_hook(command.hook)
    if command.delivery is None:
        work.put(HOOK, command.hook, msgspec.structs.replace(hook, redeliver=message.at))
        return Done()
    delivery = work.get(DELIVERY, command.delivery)
    if delivery is None or delivery.hook != command.hook:
        return no_delivery(command.delivery)
    if isinstance(delivery, Pending):
        return Done()
    revive(work, command.delivery, delivery)
    return Done()


def revive(work: Work, id: str, delivery: Delivered | Dead) -> None:
    """Make an ended delivery PENDING again."""
    pending = revived(delivery, work.message.at)
    tally = work.get(TALLY, delivery.hook) or Tally()
    work.put(DELIVERY, id, pending)
    work.put(TALLY, delivery.hook, tally.moved(delivery, pending))


def _own(command: Any, work: Work) -> Hook | None:
    hook = work.get(HOOK, command.hook)
    return hook if hook is not None and hook.tenant == command.actor.tenant else None


def _unusable(secret: str | None) -> Problem | None:
    """What is wrong with a secret that a tenant brings: after ``whsec_`` stands the key in base64."""
    if secret is None or not secret.startswith(PREFIX):
        return None
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) >= 16:
        return None
    return Problem(
        code="validation_failed",
        detail="the secret is not whsec_ and 16 bytes or more in base64",
        hint="Leave the secret out and one is made, or bring 16 to 256 characters without the prefix.",
        data={"field": "secret"},
    )
