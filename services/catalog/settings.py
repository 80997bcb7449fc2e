"""The catalog's settings."""

from runtime.settings import Settings


class CatalogSettings(Settings, frozen=True, kw_only=True):
    """All in seconds; see `runtime.settings` for the common ones."""

    import_deadline: float = 6 * 3600.0
    """From acceptance of an import to the source pod's last word; then the version is FAILED."""
    publish_deadline: float = 4 * 3600.0
    """For the copies of a publish, when the command names none."""
    intake_tenants: str = ""
    """Whose images other systems import, ``jenkins=acme,packer=lab``; one that is not named imports for ``default``."""
    publish_margin: float = 120.0
    """How much longer the catalog itself waits: the replicator enforces the deadline of each copy and says so."""

    def tenant_of(self, speaker: str) -> str:
        """The tenant for which a speaker on the intake (``intake:jenkins``) imports."""
        source = speaker.removeprefix("intake:")
        for pair in self.intake_tenants.split(","):
            name, _, tenant = pair.partition("=")
            if name.strip() == source and tenant.strip():
                return tenant.strip()
        return "default"
