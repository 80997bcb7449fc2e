"""What somebody who asks may know of: the documents that say so, read once for a page (`runtime.access`)."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from catalog.domain.image import Image
from catalog.domain.pod import usable_by
from contracts.principals import Right
from contracts.requests import Actor
from runtime import access
from runtime.access import ACCESS, Access
from runtime.store import Reader

DOCUMENTS = """
    SELECT a.id, a.body FROM json_each(?) AS page
    CROSS JOIN documents AS a ON a.kind = 'access' AND a.id = page.value"""
BOUND_PODS = """
    SELECT p.id, json_extract(p.body, '$.tenants') FROM json_each(?) AS page
    CROSS JOIN documents AS p ON p.kind = 'pod' AND p.id = page.value
    WHERE json_array_length(p.body, '$.tenants') > 0"""
MOST_GALLERIES = 200
"""Galleries of others in which one list looks."""
REACHED = """
    SELECT DISTINCT r.gallery FROM json_each(?) AS p CROSS JOIN gallery_reach AS r ON r.principal = p.value
    ORDER BY r.gallery LIMIT ?"""


class Sight(NamedTuple):
    """What one actor may do with some images, and what he is to see of how they are shared."""

    actor: Actor
    known: Mapping[str, Access]

    def rights(self, id: str, image: Image, version: str = "") -> frozenset[Right]:
        """What he may do with an image, and with this version of it."""
        return access.decided(
            self._image(id),
            self._gallery(image),
            self.actor,
            tenant=image.tenant,
            version=version,
            public=image.image_class == "standard",
        )

    def reads(self, id: str, image: Image, version: str = "") -> bool:
        """Whether he may read an image, or at least this version of it."""
        return "read" in self.rights(id, image, version)

    def opened(self, id: str, image: Image) -> bool:
        """Whether he may read an image without any offer of it: by a role, its gallery or its class."""
        known = self._image(id)
        without = None if known is None else msgspec.structs.replace(known, offers={})
        public = image.image_class == "standard"
        found = access.decided(without, self._gallery(image), self.actor, tenant=image.tenant, public=public)
        return "read" in found

    def answered(self, id: str) -> str:
        """How his tenant answered the offer of an image: PENDING, ACCEPTED, REJECTED, or empty where there is none."""
        return access.answered(self._image(id), self.actor)

    def visibility(self, image: Image) -> str:
        """Who can see an image at all: private, shared, community or public."""
        gallery = self._gallery(image)
        sharing = "private" if gallery is None else gallery.sharing
        if image.image_class == "standard":
            return "public"
        if sharing in ("public", "community"):
            return sharing
        return "shared" if image.shared or sharing == "groups" else "private"

    def _image(self, id: str) -> Access | None:
        return self.known.get(access.image_key(id))

    def _gallery(self, image: Image) -> Access | None:
        return self.known.get(access.gallery_key(image.tenant, image.gallery))


async def sight(actor: Actor, images: Iterable[tuple[str, Image]], reader: Reader) -> Sight:
    """What ``actor`` may do with ``images``."""
    keys = {ref.id for id, image in images for ref in access.refs(id, image.tenant, image.gallery)}
    ids = msgspec.json.encode(sorted(key for key in keys if key is not None)).decode()
    return Sight(actor, {id: ACCESS.decode(body) for id, body in await reader.rows(DOCUMENTS, (ids,))})


async def closed_pods(actor: Actor, pods: Iterable[str], reader: Reader) -> set[str]:
    """Those of ``pods`` that only others may use: for the actor they are not there."""
    if actor.operator:
        return set()
    ids = msgspec.json.encode(sorted(set(pods))).decode()
    rows = await reader.rows(BOUND_PODS, (ids,))
    return {pod for pod, tenants in rows if not usable_by(msgspec.json.decode(tenants), actor.all)}


async def reached(principals: Iterable[str], reader: Reader, limit: int = MOST_GALLERIES) -> list[tuple[str, str]]:
    """Tenant and name of the galleries that any of the ``principals`` reaches."""
    given = msgspec.json.encode(list(principals)).decode()
    rows = await reader.rows(REACHED, (given, limit))
    return [(tenant, name) for tenant, _, name in (str(key).partition("/") for (key,) in rows)]
