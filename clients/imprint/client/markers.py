"""Markers."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.requests import MarkerPage
from contracts.views import MarkerView
from imprint.client.connection import Connection
from imprint.client.paths import image_path, segment


class Markers(Connection):
    """What the client does with the markers of an image."""

    async def markers(self, image: str, *, where: Mapping[str, str] = {}, sort: str | None = None) -> list[MarkerView]:
        """The markers of an image for which every filter holds, by name; ``where`` are filters on single fields."""
        return await self._all(f"{image_path(image)}/markers", MarkerPage, **{"sort": sort, **where})

    async def marker(self, image: str, marker: str) -> MarkerView:
        """A marker with its moves, the latest first."""
        return await self._get(_path(image, marker), MarkerView)

    async def move_marker(
        self,
        image: str,
        marker: str,
        number: str,
        *,
        rings: Sequence[Mapping[str, Any]] = (),
        failures: int = 0,
        logoff: str = "wait",
        revision: int | None = None,
    ) -> MarkerView:
        """Let a marker name another version, in stages where there are ``rings`` (``pods`` or ``labels`` of each)."""
        stages = [dict(ring) for ring in rings]
        body = {"number": number, "rings": stages, "failures": failures, "logoff": logoff}
        return await self._write("PUT", _path(image, marker), body, MarkerView, revision=revision)

    async def rollback_marker(self, image: str, marker: str, revision: int | None = None) -> MarkerView:
        """Let a marker name what it named before."""
        return await self._write("POST", f"{_path(image, marker)}/rollback", None, MarkerView, revision=revision)

    async def steer_rollout(self, image: str, marker: str, verb: str) -> MarkerView:
        """``halt``, ``resume`` or ``cancel`` the staged move of a marker."""
        return await self._post(f"{_path(image, marker)}/rollout", {"verb": verb}, MarkerView)

    async def drop_marker(self, image: str, marker: str, revision: int | None = None) -> None:
        """Delete a marker to which no assignment is bound."""
        await self._command("DELETE", _path(image, marker), revision=revision)


def _path(image: str, marker: str) -> str:
    return f"{image_path(image)}/markers/{segment(marker)}"
