"""What people see of the services' state: the shapes of query replies and of the HTTP API."""

from contracts.views.base import (
    View,
)
from contracts.views.catalog import (
    CopyCounts,
    ImageView,
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
    "CopyCounts",
    "CopyView",
    "DeadLetterView",
    "DeliveryView",
    "EnrolmentView",
    "ExportGrantView",
    "HolderView",
    "HookView",
    "ImageView",
    "ItemView",
    "JobView",
    "MemberView",
    "MetricsView",
    "PlacementView",
    "PlanRow",
    "PodView",
    "PolicyView",
    "Progress",
    "TimelineView",
    "UploadGrantView",
    "VersionView",
    "View",
    "VmView",
]
