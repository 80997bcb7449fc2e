"""Images and versions."""

from typing import Any

from contracts.requests import Accepted, ImagePage, VersionPage
from contracts.views import ImageView, VersionView
from imprint.client.connection import Connection
from imprint.client.paths import image_path, version_path


class Images(Connection):
    """What the client does with images and versions."""

    async def images(self, gallery: str | None = None, state: str | None = None) -> list[ImageView]:
        """All images, by gallery and name."""
        return await self._all("/v1/images", ImagePage, gallery=gallery, state=state)

    async def image(self, image: str) -> ImageView:
        """An image by id or ``gallery/name``."""
        return await self._get(image_path(image), ImageView)

    async def versions(self, image: str) -> list[VersionView]:
        """The versions of an image, newest first."""
        return await self._all(f"{image_path(image)}/versions", VersionPage)

    async def version(self, image: str, number: str = "latest", *, pod: str | None = None) -> VersionView:
        """A version by number or ``latest``; with ``pod`` the latest of those available there."""
        return await self._get(version_path(image, number), VersionView, pod=pod)

    async def import_version(
        self,
        image: str,
        *,
        pod: str,
        name: str,
        kind: str = "vm",
        disks: str = "all",
        mode: str = "clone",
        number: str | None = None,
        file_type: str | None = None,
        datastore: str | None = None,
        create: bool = True,
        os_type: str = "linux",
    ) -> Accepted:
        """Import a VM or a file of a pod as a version; with ``create`` a new image is registered first."""
        body: dict[str, Any] = {
            "source": {"pod": pod, "kind": kind, "name": name, "disks": disks},
            "mode": mode,
            "create": create,
            "os_type": os_type,
        }
        optional = {"number": number, "file_type": file_type, "datastore": datastore}
        body.update({key: value for key, value in optional.items() if value is not None})
        return await self._post(f"{image_path(image)}/versions", body, Accepted)
