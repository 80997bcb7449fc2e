"""How many deliveries of a webhook wait and how many were given up, and since when nothing gets through."""

from datetime import datetime

import msgspec

from notifier.domain.delivery import Dead, Delivered, Delivery, Pending


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Counted along with every transition, so that nobody has to count rows. ``failing`` since the first attempt after
    the last one that got through."""

    pending: int = 0
    dead: int = 0
    failing: datetime | None = None

    def moved(self, before: Delivery | None, after: Delivery | None) -> "Tally":
        """The tally after a delivery went from ``before`` to ``after``; None is one that is not there."""
        return msgspec.structs.replace(
            self,
            pending=self.pending + isinstance(after, Pending) - isinstance(before, Pending),
            dead=self.dead + isinstance(after, Dead) - isinstance(before, Dead),
        )

    def heard(self, after: Delivery, at: datetime) -> "Tally":
        """The tally after an attempt, which left the delivery as ``after``."""
        failing = None if isinstance(after, Delivered) else self.failing or at
        return self if failing == self.failing else msgspec.structs.replace(self, failing=failing)
