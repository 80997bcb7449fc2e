"""What the handlers need beside their message."""

from collections.abc import Callable
from dataclasses import dataclass, field

from replicator.domain.retry import Policy
from runtime.tickets import Ticket


@dataclass(frozen=True, slots=True)
class Config:
    """``sign`` makes the token of a ticket; ``ticket_seconds`` is the longest time for which one opens a door."""

    sign: Callable[[Ticket], str]
    policy: Policy = field(default_factory=Policy)
    ticket_seconds: float = 6 * 3600.0
