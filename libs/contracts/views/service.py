"""What people see: what every service has."""

from datetime import datetime

from contracts.views.base import View


class DeadLetterView(View, frozen=True, kw_only=True, tag="dead_letter"):
    """A message that a service could not handle. ``raw`` is its body, as far as it is text."""

    id: str
    subject: str
    kind: str
    reason: str
    deliveries: int
    raw: str
    at: datetime
