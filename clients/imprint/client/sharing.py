"""Sharing: offers and their answers, how galleries are shared, role grants."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from contracts.requests import GrantPage, MemberPage, PairPage, SharePage
from contracts.views import GallerySharingView, GrantView, MemberView, PairView, ShareView, SharingStatusView
from imprint.client.connection import Connection
from imprint.client.paths import image_path, segment, version_path


class Sharing(Connection):
    """What the client does with what is shared.

    A member is a tenant (``acme``), an account (``account:x``), an organisation or a unit of one (``org:corp/eu``);
    a principal may also be a user, a service account or a group (``user:acme/jo``). Of another tenant an image is named
    by its id.
    """

    async def members(self, image: str, state: str | None = None) -> list[MemberView]:
        """Whom an image is offered to; those that were removed with the state ``REVOKED`` only."""
        return await self._all(f"{image_path(image)}/members", MemberPage, state=state)

    async def offer_images(
        self,
        images: Iterable[str],
        members: Iterable[str],
        *,
        acknowledged: bool,
        until: datetime | None = None,
        message: str = "",
    ) -> list[PairView]:
        """Offer each image to each member, with a result for each pair. ``acknowledged``: they hold no secrets."""
        body = {
            "images": list(images),
            "members": list(members),
            "acknowledged": acknowledged,
            "until": None if until is None else until.isoformat(),
            "message": message,
        }
        return list((await self._post("/v1/shares", body, PairPage)).items)

    async def revoke_offers(
        self, images: Iterable[str], members: Iterable[str], *, grace: float = 0.0
    ) -> list[PairView]:
        """Take offers back, with a result for each pair; they still hold for ``grace`` hours."""
        body = {"images": list(images), "members": list(members), "grace": grace}
        return list((await self._post("/v1/shares/revoke", body, PairPage)).items)

    async def set_sharing(self, image: str, *, suspended: bool) -> None:
        """Make an image private for now, or share it again; its offers are kept meanwhile."""
        await self._command("POST", f"{image_path(image)}/sharing/{'suspend' if suspended else 'resume'}")

    async def sharing_status(self, image: str | None = None, *, gallery: str | None = None) -> SharingStatusView:
        """Where an image, or what is in a gallery, can be used by those it is shared with."""
        path = image_path(image) if image is not None else _gallery(gallery or "")
        return await self._get(f"{path}/sharing/status", SharingStatusView)

    async def shares(self, state: str | None = None) -> list[ShareView]:
        """What is offered to the tenant, the newest first."""
        return await self._all("/v1/shares", SharePage, state=state)

    async def share(self, image: str) -> ShareView:
        """An offer, by the id of its image."""
        return await self._get(_share(image), ShareView)

    async def accept_offer(self, image: str, *, pods: Iterable[str] = (), number: str = "") -> ShareView:
        """Accept an offer; with ``pods`` the latest version, or that of a number, is delivered to these."""
        body = {"pods": list(pods), "number": number}
        return await self._post(f"{_share(image)}/accept", body, ShareView)

    async def reject_offer(self, image: str) -> ShareView:
        """Reject an offer."""
        return await self._post(f"{_share(image)}/reject", None, ShareView)

    async def gallery_sharing(self, gallery: str) -> GallerySharingView:
        """How a gallery is shared."""
        return await self._get(f"{_gallery(gallery)}/sharing", GallerySharingView)

    async def share_gallery(
        self, gallery: str, wanted: Mapping[str, Any], revision: int | None = None
    ) -> GallerySharingView:
        """Say all of how a gallery is shared: ``sharing``, ``members``, ``community``, as the API has them; with
        ``revision`` only if that is the one in force."""
        path = f"{_gallery(gallery)}/sharing"
        return await self._write("PUT", path, dict(wanted), GallerySharingView, revision=revision)

    async def grants(
        self, image: str | None = None, number: str | None = None, *, gallery: str | None = None
    ) -> list[GrantView]:
        """Who has which roles on a gallery, an image, or a version of it."""
        return await self._all(_grants(image, number, gallery), GrantPage)

    async def set_grant(
        self,
        principal: str,
        roles: Iterable[str],
        image: str | None = None,
        number: str | None = None,
        *,
        gallery: str | None = None,
    ) -> GrantView:
        """Grant a principal roles on a gallery, an image, or a version of it; they replace those that it has there."""
        path = f"{_grants(image, number, gallery)}/{segment(principal)}"
        return await self._write("PUT", path, {"roles": list(roles)}, GrantView)

    async def drop_grant(
        self, principal: str, image: str | None = None, number: str | None = None, *, gallery: str | None = None
    ) -> None:
        """Take a principal's roles back."""
        await self._command("DELETE", f"{_grants(image, number, gallery)}/{segment(principal)}")


def _share(image: str) -> str:
    return f"/v1/shares/{segment(image)}"


def _gallery(gallery: str) -> str:
    return f"/v1/galleries/{segment(gallery)}"


def _grants(image: str | None, number: str | None, gallery: str | None) -> str:
    if image is None:
        return f"{_gallery(gallery or '')}/grants"
    return f"{image_path(image) if number is None else version_path(image, number)}/grants"
