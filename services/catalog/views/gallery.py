"""What people see of galleries, quotas and retention policies."""

from catalog.domain import quota as quotas
from catalog.domain.gallery import Gallery
from catalog.domain.keeping import Policy
from catalog.domain.quota import Tally
from contracts.keeping import Quota
from contracts.views import GalleryView, QuotaView, RetentionView


def gallery_view(gallery: Gallery) -> GalleryView:
    """A gallery, with what was set for it alone; its tenant's limits hold besides."""
    return GalleryView(
        id=gallery.id,
        name=gallery.name,
        tenant=gallery.tenant,
        description=gallery.description,
        quota=gallery.quota,
        usage=gallery.usage,
        soft_delete=gallery.soft_delete,
        created=gallery.created,
        revision=gallery.revision,
    )


def quota_view(tenant: str, tally: Tally | None, default: Quota) -> QuotaView:
    """What ``tenant`` may hold, ``default`` being the settings', and holds."""
    tally = tally or Tally()
    limits = quotas.limits(tally.quota, default)
    return QuotaView(tenant=tenant, quota=limits, usage=tally.usage, revision=tally.revision)


def retention_view(policy: Policy) -> RetentionView:
    """A retention policy."""
    return RetentionView(retention=policy.retention, revision=policy.revision, ran=policy.ran, taken=policy.taken)
