"""What people see: the common form of the views."""

import msgspec


class View(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Common form of the views; the tag tells a reply from a `Problem`."""
