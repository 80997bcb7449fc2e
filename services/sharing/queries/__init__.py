"""The read side of sharing: of what its owner shares, and of what is shared with somebody."""

from collections.abc import Mapping

from contracts.requests import (
    GetGallerySharing,
    GetShare,
    ListGrants,
    ListMembers,
    ListShares,
    ListSharingAudit,
    Request,
)
from runtime.requests import Query
from sharing.queries.audit import list_audit
from sharing.queries.opened import get_gallery_sharing, list_grants
from sharing.queries.shared import get_share, list_members, list_shares

QUERIES: Mapping[type[Request], Query] = {
    ListMembers: list_members,
    ListShares: list_shares,
    GetShare: get_share,
    GetGallerySharing: get_gallery_sharing,
    ListGrants: list_grants,
    ListSharingAudit: list_audit,
}
"""Every query that sharing answers, but for those of the directory."""
