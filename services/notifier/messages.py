"""What the notifier tells itself: how attempts ended, and what housekeeping found."""

from datetime import datetime

from runtime.work import Local


class Attempted(Local, frozen=True, kw_only=True, tag="attempted"):
    """A delivery was posted, or could not be. ``status`` and ``error`` as in `domain.delivery.Attempt`; ``chance`` (0
    to 1) spreads the next attempts."""

    delivery: str
    status: int | None = None
    error: str = ""
    chance: float = 0.0


class Shed(Local, frozen=True, kw_only=True, tag="shed"):
    """These PENDING deliveries of a webhook are given up, for ``reason``."""

    hook: str
    deliveries: tuple[str, ...]
    reason: str


class Revive(Local, frozen=True, kw_only=True, tag="revive"):
    """These DEAD deliveries of a webhook are tried again; with none left, what was asked for at ``asked`` is done."""

    hook: str
    deliveries: tuple[str, ...]
    asked: datetime


class Purge(Local, frozen=True, kw_only=True, tag="purge"):
    """These deliveries, DELIVERED or DEAD for long, are forgotten."""

    deliveries: tuple[str, ...]
