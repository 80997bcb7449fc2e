"""Images and versions."""

from collections.abc import Collection, Mapping
from typing import Any

from contracts.requests import Accepted, AncestorPage, ImagePage, UserPage, VersionPage
from contracts.views import AncestorView, ImageView, UserView, VersionView
from imprint.client.connection import Connection
from imprint.client.paths import image_path, version_path


class Images(Connection):
    """What the client does with images and versions.

    ``where`` are filters on single fields, as the API has them. What is ``wanted``, and ``changes`` (a JSON merge
    patch), are mappings as the API has them.
    """

    async def images(
        self,
        gallery: str | None = None,
        state: str | None = None,
        *,
        text: str | None = None,
        tags: Mapping[str, str] = {},
        pod: str | None = None,
        owner: str | None = None,
        visibility: str | None = None,
        member_status: str | None = None,
        hidden: bool = False,
        where: Mapping[str, str] = {},
        sort: str | None = None,
    ) -> list[ImageView]:
        """All images for which every filter holds, by gallery and name; ``tags`` with a value, or empty for any.

        ``visibility`` is ``private``, ``shared``, ``community`` or ``public``; of those that are shared with the tenant
        ``member_status`` says which: ``accepted`` (else), ``pending``, ``rejected``, ``all``.
        """
        query = {
            "gallery": gallery,
            "state": state,
            "text": text,
            "tag": [f"{key}={value}" if value else key for key, value in tags.items()] or None,
            "pod": pod,
            "owner": owner,
            "visibility": visibility,
            "member_status": member_status,
            "hidden": "true" if hidden else None,
            "sort": sort,
            **where,
        }
        return await self._all("/v1/images", ImagePage, **query)

    async def image(self, image: str) -> ImageView:
        """An image by id or ``gallery/name``."""
        return await self._get(image_path(image), ImageView)

    async def register_image(self, name: str, wanted: Mapping[str, Any] = {}) -> ImageView:
        """Make an image without a version; ``wanted`` has ``gallery``, ``os_type``, ``details``, …"""
        return await self._post("/v1/images", {"name": name, **wanted}, ImageView)

    async def edit_image(self, image: str, changes: Mapping[str, Any], revision: int | None = None) -> ImageView:
        """Change what is named; with ``revision`` only if that is the one in force."""
        return await self._write("PATCH", image_path(image), dict(changes), ImageView, revision=revision)

    async def edit_tags(
        self,
        image: str,
        set: Mapping[str, str] = {},
        remove: Collection[str] = (),
        revision: int | None = None,
    ) -> ImageView:
        """Set and remove tags in one step; the others stay."""
        body = {"set": dict(set), "remove": list(remove)}
        return await self._write("POST", f"{image_path(image)}/tags", body, ImageView, revision=revision)

    async def versions(
        self,
        image: str,
        state: str | None = None,
        *,
        pod: str | None = None,
        hidden: bool = False,
        where: Mapping[str, str] = {},
        sort: str | None = None,
    ) -> list[VersionView]:
        """The versions of an image for which every filter holds, newest first."""
        query = {"state": state, "pod": pod, "hidden": "true" if hidden else None, "sort": sort, **where}
        return await self._all(f"{image_path(image)}/versions", VersionPage, **query)

    async def version(self, image: str, number: str = "latest", *, pod: str | None = None) -> VersionView:
        """A version by number or ``latest``; with ``pod`` the latest of those available there."""
        return await self._get(version_path(image, number), VersionView, pod=pod)

    async def import_version(
        self,
        image: str,
        *,
        pod: str = "",
        name: str = "",
        kind: str = "vm",
        disks: str = "all",
        mode: str = "clone",
        number: str | None = None,
        file_type: str | None = None,
        datastore: str | None = None,
        create: bool = True,
        os_type: str | None = None,
        wanted: Mapping[str, Any] = {},
    ) -> Accepted:
        """Import something on a pod as a version; with ``create`` a new image is registered first.

        ``wanted`` has what else the API takes: ``origin`` (another version, instead of a pod's ``name``),
        ``snapshot``, ``release_notes``, ``capsule``, ``plugins`` (none of them: not those of the settings either),
        ``signature``, …
        """
        body: dict[str, Any] = {"mode": mode, "create": create}
        if "origin" not in wanted:
            body["source"] = {"pod": pod, "kind": kind, "name": name, "disks": disks}
        optional = {"os_type": os_type, "number": number, "file_type": file_type, "datastore": datastore}
        body.update({key: value for key, value in optional.items() if value is not None})
        return await self._post(f"{image_path(image)}/versions", {**body, **wanted}, Accepted)

    async def edit_version(
        self, image: str, number: str, changes: Mapping[str, Any], revision: int | None = None
    ) -> VersionView:
        """Change what is said of a version, not its content; with ``revision`` only if that is the one in force."""
        return await self._write("PATCH", version_path(image, number), dict(changes), VersionView, revision=revision)

    async def record_validation(
        self, image: str, number: str, kind: str, status: str, *, tool: str = "", detail: str = ""
    ) -> VersionView:
        """Add the result of a validation: ``Unknown``, ``Failed`` or ``Succeeded``."""
        body = {"kind": kind, "status": status, "tool": tool, "detail": detail}
        return await self._post(f"{version_path(image, number)}/validations", body, VersionView)

    async def lineage(
        self, image: str, number: str, *, where: Mapping[str, str] = {}, sort: str | None = None
    ) -> list[AncestorView]:
        """The versions that a version was made from for which every filter holds, the nearest first."""
        return await self._all(f"{version_path(image, number)}/lineage", AncestorPage, **{"sort": sort, **where})

    async def users(
        self, image: str, number: str, *, where: Mapping[str, str] = {}, sort: str | None = None
    ) -> list[UserView]:
        """Who uses or wants a version, by assignment and pod, as far as every filter holds."""
        return await self._all(f"{version_path(image, number)}/users", UserPage, **{"sort": sort, **where})
