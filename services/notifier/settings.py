"""What the notifier can be told."""

from notifier.domain.address import Network, networks
from notifier.domain.delivery import Schedule
from runtime.settings import Settings

LONGEST = 365 * 86_400.0


class NotifierSettings(Settings, frozen=True, kw_only=True):
    """``IMPRINT_…`` variables of the notifier; see `runtime.settings` for the common ones. Times are in seconds."""

    max_hooks: int = 32
    """Webhooks of a tenant."""
    max_pending: int = 10_000
    """Deliveries that may wait for one webhook; beyond it the oldest are given up, and listed as DEAD."""
    hook_timeout: float = 10.0
    """For an attempt as a whole, from looking up the name to the answer."""
    hook_backoff: str = "1,5,30,120,600,3600"
    """After the first, second, … failed attempt; the last value stays."""
    hook_give_up: float = 86_400.0
    """For how long a delivery is tried."""
    hook_networks: str = ""
    """Networks (CIDR, with commas between them) that may be posted to though they are not public: receivers at home."""
    hook_authority_file: str = ""
    """Certificates (PEM) of authorities that receivers may have theirs from, beside those that the system trusts."""
    delivered_seconds: float = 86_400.0
    """For how long deliveries are listed that arrived."""
    dead_seconds: float = 30 * 86_400.0
    """For how long deliveries are listed, and can be redelivered, that were given up."""

    def __post_init__(self) -> None:
        if not self.schedule.backoff or not all(0 < seconds <= LONGEST for seconds in self.schedule.backoff):
            raise ValueError("hook_backoff is a list of positive seconds")
        times = (self.hook_timeout, self.hook_give_up, self.delivered_seconds, self.dead_seconds)
        if not all(0 < seconds <= LONGEST for seconds in times):
            raise ValueError("a time is a positive number of seconds, a year at most")
        if self.max_hooks < 1 or self.max_pending < 1:
            raise ValueError("max_hooks and max_pending are at least 1")
        try:
            networks(self.hook_networks)
        except ValueError:
            raise ValueError("hook_networks is a list of networks such as 10.1.0.0/16") from None

    @property
    def schedule(self) -> Schedule:
        return Schedule(
            backoff=tuple(float(seconds) for seconds in self.hook_backoff.split(",")), give_up=self.hook_give_up
        )

    @property
    def networks(self) -> tuple[Network, ...]:
        """`hook_networks` as networks. Raises ValueError where one is none."""
        return networks(self.hook_networks)
