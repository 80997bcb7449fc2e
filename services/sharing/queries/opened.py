"""How a gallery is shared, and what was granted, as those see it who may change that."""

from contracts.errors import Problem
from contracts.requests import GallerySharingView, GetGallerySharing, GrantPage, ListGrants
from runtime.store import Reader
from sharing.directory.queries import paging
from sharing.documents import GRANTS
from sharing.domain.grants import Grants
from sharing.grants import find, refs
from sharing.queries.loading import load
from sharing.references import find_gallery, gallery_refs
from sharing.views import gallery_view, grant_view


async def get_gallery_sharing(query: GetGallerySharing, reader: Reader) -> GallerySharingView | Problem:
    """How a gallery is shared. Whom else it is shared with is nothing to those who may only read it."""
    get = await load(reader, lambda get: gallery_refs(query.actor.tenant, query.gallery, get))
    own = find_gallery(get, query.actor, query.gallery, "read")
    if isinstance(own, Problem):
        return own
    if own.tenant != query.actor.tenant:
        own = find_gallery(get, query.actor, query.gallery, "manage")
    return own if isinstance(own, Problem) else gallery_view(own)


async def list_grants(query: ListGrants, reader: Reader) -> GrantPage | Problem:
    """The grants on a gallery, an image or a version, by principal."""
    page = paging.asked(query.limit, query.cursor)
    if isinstance(page, Problem):
        return page
    get = await load(reader, lambda get: refs(query.actor, query, get))
    target = find(get, query.actor, query)
    if isinstance(target, Problem):
        return target
    grants: Grants = get(GRANTS, target.key) or Grants()
    found = [
        (principal, grant_view(target.scope, target.id, target.name, principal, grant))
        for principal, grant in sorted(grants.by.items())
        if principal > page.after
    ]
    items, next = paging.cut(found, page.limit)
    return GrantPage(items=items, next=next)
