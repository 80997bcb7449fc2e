"""The read side: every query of the catalog, answered from committed state and inside the asker's own tenant.

A file a noun. ``migrations/`` has the views and tables that are read here, and an index for each list.
"""

from collections.abc import Mapping

from catalog.queries.assignments import get_assignment, list_assignments, list_seats
from catalog.queries.audit import list_audit
from catalog.queries.certificates import list_certificates
from catalog.queries.definitions import list_flavours, list_namespaces
from catalog.queries.galleries import get_gallery, get_quota, list_galleries, list_retentions, preview_retention
from catalog.queries.images import get_image, list_images
from catalog.queries.jobs import get_job, get_timeline, list_jobs
from catalog.queries.markers import get_lineage, get_marker, get_users, list_markers
from catalog.queries.sharing import get_sharing_status, see
from catalog.queries.versions import get_version, list_versions
from catalog.settings import CatalogSettings
from contracts.requests import (
    GetAssignment,
    GetGallery,
    GetImage,
    GetJob,
    GetLineage,
    GetMarker,
    GetQuota,
    GetSharingStatus,
    GetTimeline,
    GetUsers,
    GetVersion,
    ListAssignments,
    ListAudit,
    ListCertificates,
    ListFlavours,
    ListGalleries,
    ListImages,
    ListJobs,
    ListMarkers,
    ListNamespaces,
    ListRetentions,
    ListSeats,
    ListVersions,
    PreviewRetention,
    Request,
    See,
)
from runtime.requests import Query


def queries(settings: CatalogSettings) -> Mapping[type[Request], Query]:
    """Every query that the catalog answers."""
    return {
        ListImages: list_images,
        GetSharingStatus: get_sharing_status,
        See: see,
        GetImage: get_image,
        ListVersions: list_versions,
        GetVersion: get_version,
        GetLineage: get_lineage,
        GetUsers: get_users,
        ListMarkers: list_markers,
        GetMarker: get_marker,
        ListAssignments: list_assignments,
        GetAssignment: get_assignment,
        ListSeats: list_seats,
        ListJobs: list_jobs,
        GetJob: get_job,
        GetTimeline: get_timeline,
        ListGalleries: list_galleries,
        GetGallery: get_gallery,
        GetQuota: get_quota(settings),
        ListRetentions: list_retentions,
        PreviewRetention: preview_retention,
        ListCertificates: list_certificates,
        ListFlavours: list_flavours,
        ListNamespaces: list_namespaces,
        ListAudit: list_audit,
    }
