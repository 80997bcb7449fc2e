"""The settings of sharing."""

from runtime.settings import Settings


class SharingSettings(Settings, frozen=True, kw_only=True):
    """See `runtime.settings` for the common ones."""

    max_members: int = 128
    """How many tenants one image may be shared with (features.md, E11)."""
