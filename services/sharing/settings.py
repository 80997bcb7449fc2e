"""The settings of sharing."""

from typing import Literal

from runtime.settings import Settings


class SharingSettings(Settings, frozen=True, kw_only=True):
    """See `runtime.settings` for the common ones."""

    max_members: int = 128
    """How many offers of one image may stand at once (features.md E11); an account or an organisation is one."""
    reject_blocks_use: bool = False
    """Whether a tenant that rejected an image may not use it by its id either (features.md b.4)."""
    max_grace_hours: float = 24.0 * 30
    """For how long offers that were taken back may still hold, at most."""
    share_scope: Literal["anywhere", "organisation", "account"] = "anywhere"
    """Across which boundary tenants may share (features.md E12); within a smaller one nobody shares with everybody."""
    max_grants: int = 256
    """How many principals may have roles on one gallery, image or version."""
    max_group_tenants: int = 30
    max_group_accounts: int = 5
    """How many of each a gallery may be shared with directly (features.md E7)."""
    bootstrap_token_file: str = ""
    """A file with the SHA-256 (hex) of the token that opens everything for the local admin; empty: there is none."""
