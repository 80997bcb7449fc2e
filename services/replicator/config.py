"""What the handlers need beside their message."""

from collections.abc import Callable
from dataclasses import dataclass, field

from replicator.domain.eligibility import Rules
from replicator.domain.healing import OnSurplus
from replicator.domain.queue import Slots
from replicator.domain.retry import Policy
from runtime.enrolment import EnrolmentSigner
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
    enrolment: EnrolmentSigner | None = None
    """Makes and checks the tokens with which pods join; without it none are made."""
    open_house: bool = True
    """Every pod may join that the broker lets in, also without a token."""
    surplus: OnSurplus = "report"
    """What is done about an item of a published version on a pod that is not to have it."""
    uploads: UploadSigner | None = None
    """Names uploads and signs their tickets; without it none are admitted."""
    rules: Rules = field(default_factory=Rules)
    """What is not copied to just any pod."""
    slots: Slots = field(default_factory=Slots)
    """How much goes on at the same time."""
