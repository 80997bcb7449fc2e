"""The lives of images and versions: disabled, denied, protected, deprecated, deleted, restored."""

from collections.abc import Mapping
from typing import Any

from contracts.requests import Accepted
from contracts.views import VersionView
from imprint.client.connection import Connection
from imprint.client.paths import image_path, version_path


class Lives(Connection):
    """What the client does with the lives of images and versions; without a number the image itself is meant."""

    async def set_enabled(
        self, image: str, number: str | None = None, *, enabled: bool, revision: int | None = None
    ) -> None:
        """Let it be used again, or by nobody new."""
        await self._live(image, number, "enable" if enabled else "disable", None, revision)

    async def set_data_access(
        self, image: str, number: str, *, active: bool, revision: int | None = None
    ) -> VersionView:
        """Deny the data of a version to all but operators, or allow it again; what is AVAILABLE stays."""
        path = f"{version_path(image, number)}/{'reactivate' if active else 'deactivate'}"
        return await self._write("POST", path, None, VersionView, revision=revision)

    async def set_protection(
        self,
        image: str,
        number: str | None = None,
        *,
        protected: bool,
        cool_down: float | None = None,
        revision: int | None = None,
    ) -> None:
        """Protect it from deletion, or end that; then it lasts ``cool_down`` hours more, given with the protection."""
        body = {"cool_down": cool_down} if protected and cool_down is not None else None
        await self._live(image, number, "protect" if protected else "unprotect", body, revision)

    async def set_deprecation(
        self,
        image: str,
        number: str | None = None,
        *,
        state: str,
        replacement: str | None = None,
        revision: int | None = None,
    ) -> None:
        """Say that it is ``DEPRECATED`` or ``OBSOLETE``, and what to use instead; ``ACTIVE`` takes that back."""
        await self._live(image, number, "deprecate", {"state": state, "replacement": replacement}, revision)

    async def delete_version(
        self,
        image: str,
        number: str,
        *,
        bypass_soft_delete: bool = False,
        force: bool = False,
        revision: int | None = None,
    ) -> Accepted:
        """Delete a version, for good at once with ``bypass_soft_delete``; ``force`` (operators) also one in use."""
        query = {"bypass_soft_delete": _flag(bypass_soft_delete), "force": _flag(force)}
        return await self._write("DELETE", version_path(image, number), None, Accepted, revision=revision, **query)

    async def restore_version(self, image: str, number: str) -> VersionView:
        """Bring a deleted version back that is still there."""
        return await self._post(f"{version_path(image, number)}/restore", None, VersionView)

    async def delete_image(self, image: str, revision: int | None = None) -> None:
        """Delete an image that has no versions."""
        await self._command("DELETE", image_path(image), revision=revision)

    async def _live(
        self, image: str, number: str | None, verb: str, body: Mapping[str, Any] | None, revision: int | None
    ) -> None:
        path = image_path(image) if number is None else version_path(image, number)
        await self._command("POST", f"{path}/{verb}", body, revision=revision)


def _flag(on: bool) -> str | None:
    return "true" if on else None
