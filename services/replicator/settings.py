"""What the replicator can be told."""

from pathlib import Path

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

    def __post_init__(self) -> None:
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
    def policy(self) -> Policy:
        return Policy(max_attempts=self.retry_attempts, backoff=self.backoff)

    @property
    def key_path(self) -> Path:
        return Path(self.ticket_key) if self.ticket_key else self.folder / "tickets.key"
