"""What the handlers need beside their message."""

from collections.abc import Callable
from dataclasses import dataclass, field

from replicator.domain.retry import Policy
from runtime.tickets import Ticket
from runtime.upload_tickets import UploadSigner


@dataclass(frozen=True, slots=True)
class Config:
    """``sign`` makes the token of a ticket; ``ticket_seconds`` is the longest time for which one opens a door;
    ``repair_seconds`` pass before it is looked again whether a CORRUPT copy can be repaired.
    """

    sign: Callable[[Ticket], str]
    policy: Policy = field(default_factory=Policy)
    ticket_seconds: float = 6 * 3600.0
    repair_seconds: float = 60.0
    uploads: UploadSigner | None = None
    """Names uploads and signs their tickets; without it none are admitted."""
