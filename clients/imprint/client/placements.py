"""Publishes, placements and copies: what is wanted of a version, and what is there."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from contracts.requests import Accepted, CopyPage, PlanPage
from contracts.views import CopyView, PlacementView
from imprint.client.connection import Connection
from imprint.client.paths import segment, version_path
from imprint.exits import HttpProblem


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one publish of a batch."""

    image: str
    version: str
    status: int
    accepted: Accepted | None
    problem: HttpProblem | None


class _Results(msgspec.Struct, frozen=True, kw_only=True):
    items: list[Published]


class Placements(Connection):
    """What the client does with publishes, placements and copies.

    The terms of a publish are a mapping as the API has it (``targets``, ``replicas``, ``deadline``, ``overrides``, …).
    """

    async def publish(
        self, image: str, number: str, terms: Mapping[str, Any] | None = None, *, again: bool = False
    ) -> Accepted:
        """Publish a version, to all pods unless the terms say otherwise; ``again`` repairs what is not AVAILABLE."""
        verb = "republish" if again else "publish"
        return await self._post(f"{version_path(image, number)}/{verb}", dict(terms or {}), Accepted)

    async def publish_many(self, items: Sequence[Mapping[str, Any]]) -> list[Published]:
        """Publish up to 100 versions; each of ``items`` has ``image``, ``version`` and terms."""
        results = await self._post("/v1/publishes", {"items": [dict(item) for item in items]}, _Results)
        return results.items

    async def unpublish(self, image: str, number: str) -> Accepted:
        """Remove every copy of a version."""
        return await self._post(f"{version_path(image, number)}/unpublish", None, Accepted)

    async def cancel(self, image: str, number: str) -> Accepted:
        """Give up the publish under way."""
        return await self._post(f"{version_path(image, number)}/cancel", None, Accepted)

    async def plan(self, image: str, number: str, terms: Mapping[str, Any] | None = None) -> PlanPage:
        """What a publish would do, pod by pod, without doing it; all pages of it."""
        path = f"{version_path(image, number)}/plan"
        return await self._whole(path, PlanPage, method="POST", body=dict(terms or {}))

    async def placement(self, image: str, number: str) -> PlacementView:
        """What is wanted of a version, and how it stands."""
        return await self._get(f"{version_path(image, number)}/placement", PlacementView)

    async def edit_placement(
        self, image: str, number: str, changes: Mapping[str, Any], revision: int | None = None
    ) -> PlacementView:
        """Add and remove pods, change replicas; with ``revision`` only if that is the one in force."""
        path = f"{version_path(image, number)}/placement"
        return await self._write("PATCH", path, dict(changes), PlacementView, revision=revision)

    async def pause(self, image: str, number: str, *, resume: bool = False) -> PlacementView:
        """Stop making copies of a version and keep what was verified, or go on."""
        verb = "resume" if resume else "pause"
        return await self._post(f"{version_path(image, number)}/placement/{verb}", None, PlacementView)

    async def copies(self, image: str, number: str) -> list[CopyView]:
        """The copies of a version, with live bytes while they are made."""
        return await self._all(f"{version_path(image, number)}/copies", CopyPage)

    async def remove_copy(self, image: str, number: str, pod: str, replica: int = 0) -> CopyView:
        """One copy is no longer wanted, and goes."""
        path = f"{version_path(image, number)}/copies/{segment(pod)}"
        return await self._write("DELETE", path, None, CopyView, replica=str(replica))

    async def repair_copy(self, image: str, number: str, pod: str, replica: int = 0) -> CopyView:
        """Make one copy again, at once."""
        path = f"{version_path(image, number)}/copies/{segment(pod)}/repair"
        return await self._write("POST", path, None, CopyView, replica=str(replica))
