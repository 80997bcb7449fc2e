"""What the notifier is asked: webhooks and their deliveries."""

from typing import Annotated

import msgspec

from contracts.names import PodName, Text
from contracts.requests.base import Command, Request

Url = Annotated[str, msgspec.Meta(min_length=8, max_length=2048)]
Secret = Annotated[str, msgspec.Meta(min_length=16, max_length=256)]
Pattern = Annotated[str, msgspec.Meta(pattern=r"^[a-z]+\.([a-z_]+|\*)(?!\n)$", max_length=64)]
"""``copy.available``, or ``copy.*`` for all of a noun."""


class CreateHook(Command, frozen=True, kw_only=True, tag="command.notifier.create_hook"):
    """Have events posted to ``url``. They are filtered by type, image, version and pod; none named: any. Without a
    ``secret`` one is made; the answer is the only one that shows it."""

    url: Url
    events: Annotated[tuple[Pattern, ...], msgspec.Meta(min_length=1, max_length=64)] = ("copy.*",)
    images: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)] = ()
    versions: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)] = ()
    pods: Annotated[tuple[PodName, ...], msgspec.Meta(max_length=256)] = ()
    description: Text = ""
    secret: Secret | None = None


class UpdateHook(Command, frozen=True, kw_only=True, tag="command.notifier.update_hook"):
    """Change a webhook: what is None stays. A new secret signs from the next delivery on. With ``revision`` only if
    that is the one in force."""

    hook: str
    url: Url | None = None
    events: Annotated[tuple[Pattern, ...], msgspec.Meta(min_length=1, max_length=64)] | None = None
    images: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)] | None = None
    versions: Annotated[tuple[str, ...], msgspec.Meta(max_length=64)] | None = None
    pods: Annotated[tuple[PodName, ...], msgspec.Meta(max_length=256)] | None = None
    description: Text | None = None
    secret: Secret | None = None
    suspended: bool | None = None
    revision: int | None = None


class DropHook(Command, frozen=True, kw_only=True, tag="command.notifier.drop_hook"):
    """Remove a webhook with its deliveries."""

    hook: str


class TestHook(Command, frozen=True, kw_only=True, tag="command.notifier.test_hook"):
    """Send a ``hook.tested`` delivery, whatever the filters are."""

    hook: str


class Redeliver(Command, frozen=True, kw_only=True, tag="command.notifier.redeliver"):
    """Try a delivery again that was given up (or, without ``delivery``, all of the hook's)."""

    hook: str
    delivery: str | None = None


class ListHooks(Request, frozen=True, kw_only=True, tag="query.notifier.hooks"):
    """The tenant's webhooks."""

    limit: int = 100
    cursor: str | None = None


class GetHook(Request, frozen=True, kw_only=True, tag="query.notifier.hook"):
    """A webhook of the tenant."""

    hook: str


class ListDeliveries(Request, frozen=True, kw_only=True, tag="query.notifier.deliveries"):
    """The deliveries of a webhook, newest first; ``state`` PENDING, DELIVERED or DEAD."""

    hook: str
    state: str | None = None
    limit: int = 100
    cursor: str | None = None
