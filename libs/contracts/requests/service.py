"""What every service is asked."""

from datetime import datetime

import msgspec

from contracts.requests.base import Request


class ListDeadLetters(Request, frozen=True, kw_only=True, tag="query.service.dead_letters"):
    """The messages a service could not handle; asked on ``query.<service>.dead_letters``."""

    limit: int = 100


class GetHealth(Request, frozen=True, kw_only=True, tag="query.service.health"):
    """Whether a service's consumers and relay move; asked on ``query.<service>.health``."""


class HealthView(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="health"):
    """``ready`` and, where not, why."""

    service: str
    ready: bool
    reasons: tuple[str, ...] = ()
    at: datetime
