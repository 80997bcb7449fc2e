"""What people see: shares."""

from datetime import datetime

from contracts.views.base import View


class MemberView(View, frozen=True, kw_only=True, tag="member"):
    """A tenant with which an image is shared."""

    image: str
    member: str
    state: str
    updated: datetime
