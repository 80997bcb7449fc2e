"""What people see: webhooks and their deliveries."""

from datetime import datetime

from contracts.views.base import View


class HookView(View, frozen=True, kw_only=True, tag="hook"):
    """A webhook. ``secret`` is shown by the answer to its creation only; deliveries fail since ``failing``."""

    id: str
    url: str
    events: tuple[str, ...]
    images: tuple[str, ...]
    versions: tuple[str, ...]
    pods: tuple[str, ...]
    description: str
    suspended: bool
    secret: str | None = None
    failing: datetime | None = None
    pending: int = 0
    dead: int = 0
    created: datetime
    revision: int


class DeliveryView(View, frozen=True, kw_only=True, tag="delivery"):
    """An event on its way to a webhook: PENDING with its ``next_attempt``, DELIVERED, or DEAD after the last one."""

    id: str
    hook: str
    event: str
    type_name: str
    state: str
    attempts: int
    status: int | None = None
    error: str = ""
    next_attempt: datetime | None = None
    created: datetime
    updated: datetime
