"""What the replicator can be told."""

from pathlib import Path
from typing import Literal

from replicator.domain.eligibility import Rules
from replicator.domain.healing import OnSurplus
from replicator.domain.queue import Slots
from replicator.domain.retry import Policy
from runtime.settings import Settings

LONGEST = 365 * 86_400.0


class ReplicatorSettings(Settings, frozen=True, kw_only=True):
    """``IMPRINT_…`` variables of the replicator. Times are in seconds."""

    ticket_key: str = ""
    """The private key that signs tickets, made when missing, with ``.pub`` beside it; by default in the data folder."""
    ticket_seconds: float = 6 * 3600.0
    """The longest time for which a ticket opens a door."""
    retry_attempts: int = 6
    """Attempts for a copy in one publish or repair, the first one included."""
    retry_backoff: str = "1,5,30,120,600"
    """Seconds before the second, third, … attempt; the last value stays. The first is short: a holder that restarted
    is back by then."""
    repair_seconds: float = 60.0
    """How often it is looked whether a corrupt copy that nobody in touch can repair has a holder again."""
    guard_seconds: float = 15.0
    """How often the connectors' durables are looked after."""
    size_across_regions: int = 0
    """Bytes of the largest version that is copied to another region than its source pod's; 0 is no limit. Cloud
    services have 128 GB (features.md C9)."""
    iso_across_regions: bool = True
    """Whether ISO images may be copied to another region."""
    encrypted_across_regions: bool = True
    """Whether encrypted images may be copied to another region."""
    older_connectors: bool = True
    """Whether a pod may receive from a source pod whose connector is of a newer major.minor (features.md C2)."""
    enrolment: Literal["token", "open"] = "token"
    """``token``: a pod joins with a token that was made for it (`imprint pod enroll`). ``open``: every pod may join
    that the broker lets in."""
    surplus: OnSurplus = "report"
    """What is done about an item of a published version on a pod that is not to have it: ``report``, ``adopt`` (the
    pod becomes a target), ``remove``."""

    pod_copies: int = 3
    """Copies that a pod receives at once, unless its limits name another number."""
    source_groups: int = 1
    """Groups of pods that a holder of a version feeds at once."""
    tenant_publishes: int = 3
    """Publishes of a tenant under way at once that stay in the region of their source; more wait for their turn."""
    tenant_publishes_across: int = 5
    """The same for publishes that reach other regions."""
    stall_seconds: float = 900.0
    """A group of which nobody has the version after so long gives its feeder to the next group."""

    def __post_init__(self) -> None:
        if min(self.pod_copies, self.source_groups, self.tenant_publishes, self.tenant_publishes_across) < 1:
            raise ValueError("there is a slot at least: pod_copies, source_groups, tenant_publishes")
        if not 0 < self.stall_seconds <= LONGEST:
            raise ValueError("stall_seconds is a positive number of seconds")
        if self.size_across_regions < 0:
            raise ValueError("size_across_regions is a number of bytes")
        if not all(0 <= seconds <= LONGEST for seconds in self.backoff):
            raise ValueError("retry_backoff is a list of seconds")
        if self.retry_attempts < 1:
            raise ValueError("retry_attempts counts the first attempt")
        if not all(0 < time <= LONGEST for time in (self.ticket_seconds, self.guard_seconds, self.repair_seconds)):
            raise ValueError("a time is a positive number of seconds, a year at most")

    @property
    def backoff(self) -> tuple[float, ...]:
        return tuple(float(seconds) for seconds in self.retry_backoff.split(","))

    @property
    def rules(self) -> Rules:
        return Rules(
            size_across_regions=self.size_across_regions or None,
            iso_across_regions=self.iso_across_regions,
            encrypted_across_regions=self.encrypted_across_regions,
            older_connectors=self.older_connectors,
        )

    @property
    def policy(self) -> Policy:
        return Policy(max_attempts=self.retry_attempts, backoff=self.backoff)

    @property
    def key_path(self) -> Path:
        return Path(self.ticket_key) if self.ticket_key else self.folder / "tickets.key"

    @property
    def slots(self) -> Slots:
        return Slots(
            pod=self.pod_copies,
            source=self.source_groups,
            tenant=self.tenant_publishes,
            tenant_across=self.tenant_publishes_across,
            patience=self.stall_seconds,
        )
