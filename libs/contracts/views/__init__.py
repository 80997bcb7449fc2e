"""What people see of the services' state: the shapes of query replies and of the HTTP API."""

from contracts.views.base import (
    View,
)
from contracts.views.catalog import (
    CopyCounts,
    ImageView,
    JobRow,
    JobView,
    TimelineView,
    VersionView,
)
from contracts.views.doors import (
    ExportGrantView,
    HolderView,
    UploadGrantView,
)
from contracts.views.fleet import (
    EnrolmentView,
    ItemView,
    PodView,
    VmView,
)
from contracts.views.holdings import (
    AncestorView,
    AssignmentView,
    AuditView,
    CertificateView,
    FlavourView,
    GalleryView,
    MarkerView,
    Moved,
    NamespaceView,
    Placed,
    PoolView,
    QuotaView,
    RetentionView,
    RolloutView,
    SeatView,
    UserView,
    Validation,
    VictimView,
)
from contracts.views.hooks import (
    DeliveryView,
    HookView,
)
from contracts.views.placements import (
    CopyView,
    MetricsView,
    PlacementView,
    PlanRow,
    PolicyView,
    Progress,
)
from contracts.views.service import (
    DeadLetterView,
)
from contracts.views.sharing import (
    MemberView,
)

__all__ = [
    "AncestorView",
    "AssignmentView",
    "AuditView",
    "CertificateView",
    "CopyCounts",
    "CopyView",
    "DeadLetterView",
    "DeliveryView",
    "EnrolmentView",
    "ExportGrantView",
    "FlavourView",
    "GalleryView",
    "HolderView",
    "HookView",
    "ImageView",
    "ItemView",
    "JobRow",
    "JobView",
    "MarkerView",
    "MemberView",
    "MetricsView",
    "Moved",
    "NamespaceView",
    "Placed",
    "PlacementView",
    "PlanRow",
    "PodView",
    "PolicyView",
    "PoolView",
    "Progress",
    "QuotaView",
    "RetentionView",
    "RolloutView",
    "SeatView",
    "TimelineView",
    "UploadGrantView",
    "UserView",
    "Validation",
    "VersionView",
    "VictimView",
    "View",
    "VmView",
]
