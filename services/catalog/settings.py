"""The catalog's settings."""

from pathlib import Path

import msgspec

from catalog.domain import plugins
from contracts.definition import MOST_TAGS, Properties
from contracts.keeping import Quota
from runtime.settings import Settings


class CatalogSettings(Settings, frozen=True, kw_only=True):
    """Times are in seconds; see `runtime.settings` for the common ones."""

    manifest_key: str = ""
    """The key that signs manifests, made when missing, with ``.pub`` beside it; by default in the data folder."""
    import_deadline: float = 6 * 3600.0
    """From acceptance of an import to the source pod's last word; then the version is FAILED."""
    import_silence: float = 180.0
    """Without a word from the source pod, after which it is asked again; connectors say one a minute at work."""
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

    assign_deadline: float = 24 * 3600.0
    """For the pools that an assignment's job waits for: then it ends, and those that are late go on without it."""
    pool_interval: float = 300.0
    """Between looks at an assignment of which something is still to come: its pods are told again what is wanted."""
    purge_interval: float = 86_400.0
    """How often a soft-deleted version whose time is over is looked at again, while something still uses it."""
    discard_interval: float = 12 * 3600.0
    """How often a pod that does not report is told again what became of a source (its version was deleted; the VM of a
    *convert* may go), until it is back."""

    job_days: float = 90.0
    """Days for which a job and its timeline are kept."""
    most_tags: int = MOST_TAGS
    """Of an image (features.md A11)."""
    most_galleries: int = 100
    """Of a tenant for which no quota was set; so are the next three (features.md A3)."""
    most_images: int = 1000
    """In all galleries of a tenant."""
    most_versions: int = 10_000
    """In all galleries of a tenant, imports under way included."""
    most_bytes: int = 0
    """Of the disk files of a tenant's versions, however many copies there are; 0 is no limit."""
    most_certificates: int = 100
    """By which signatures of a tenant's images are checked."""
    retention_interval: float = 24 * 3600.0
    """How often each image is held against the retention policies of its tenant."""

    import_plugins: str = ""
    """The import plug-ins of an import that names none, in their order: ``image_decompression,inject_image_metadata``
    (features.md B13)."""
    inject_metadata: str = ""
    """The properties that *inject_image_metadata* writes to an image: ``house.site=berlin,house.checked=true``."""

    def __post_init__(self) -> None:
        problem = plugins.objection(self.plugins)
        if problem is not None:
            raise ValueError(f"import_plugins: {problem.detail}")
        try:
            msgspec.convert(self.injected, Properties)
        except msgspec.ValidationError as error:
            raise ValueError(f"inject_metadata: {error}") from None

    @property
    def plugins(self) -> tuple[str, ...]:
        """The import plug-ins of an import that names none."""
        return tuple(name for one in self.import_plugins.split(",") if (name := one.strip()))

    @property
    def injected(self) -> dict[str, str]:
        """What *inject_image_metadata* writes."""
        pairs = (pair.partition("=") for pair in self.inject_metadata.split(",") if "=" in pair)
        return {key.strip(): value.strip() for key, _, value in pairs}

    @property
    def quota(self) -> Quota:
        """What a tenant may hold for which nothing else was set."""
        return Quota(
            galleries=self.most_galleries,
            images=self.most_images,
            versions=self.most_versions,
            bytes=self.most_bytes or None,
        )

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
