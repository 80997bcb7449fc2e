"""The catalog's settings."""

from pathlib import Path

from runtime.settings import Settings


class CatalogSettings(Settings, frozen=True, kw_only=True):
    """Times are in seconds; see `runtime.settings` for the common ones."""

    manifest_key: str = ""
    """The key that signs manifests, made when missing, with ``.pub`` beside it; by default in the data folder."""
    import_deadline: float = 6 * 3600.0
    """From acceptance of an import to the source pod's last word; then the version is FAILED."""
    publish_deadline: float = 4 * 3600.0
    """For the copies of a publish, when the command names none."""
    intake_tenants: str = ""
    """Whose images other systems import, ``jenkins=acme,packer=lab``; one that is not named imports for ``default``."""
    publish_margin: float = 120.0
    """How much longer the catalog itself waits: the replicator enforces the deadline of each copy and says so."""

    cancel_deadline: float = 120.0
    """For the replicator to give up the copies of a cancelled publish; then the cancel is over without its word."""
    unpublish_deadline: float = 300.0
    """For pods in touch to delete the copies of an unpublished version; then it is over, and they delete them later."""
    sought_interval: float = 30.0
    """How often at most the replicator is told again what is wanted of a version that it does not know."""

    @property
    def key_path(self) -> Path:
        return Path(self.manifest_key) if self.manifest_key else self.folder / "manifest.key"

    def tenant_of(self, speaker: str) -> str:
        """The tenant for which a speaker on the intake (``intake:jenkins``) imports."""
        source = speaker.removeprefix("intake:")
        for pair in self.intake_tenants.split(","):
            name, _, tenant = pair.partition("=")
            if name.strip() == source and tenant.strip():
                return tenant.strip()
        return "default"
