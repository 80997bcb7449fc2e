"""Assignments: desktop pools."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.requests import AssignmentPage, SeatPage
from contracts.views import AssignmentView, SeatView
from imprint.client.connection import Connection
from imprint.client.paths import segment


class Assignments(Connection):
    """What the client does with assignments, each named by its name or id."""

    async def assignments(
        self,
        image: str | None = None,
        pod: str | None = None,
        state: str | None = None,
        *,
        where: Mapping[str, str] = {},
        sort: str | None = None,
    ) -> list[AssignmentView]:
        """All assignments for which every filter holds, by name; ``where`` are filters on single fields."""
        query: dict[str, str | None] = {"image": image, "pod": pod, "state": state, "sort": sort, **where}
        return await self._all("/v1/assignments", AssignmentPage, **query)

    async def assignment(self, assignment: str) -> AssignmentView:
        """An assignment, with what each of its pods reports."""
        return await self._get(_path(assignment), AssignmentView)

    async def create_assignment(
        self, name: str, image: str, pods: Sequence[str], wanted: Mapping[str, Any] = {}
    ) -> AssignmentView:
        """Make a desktop pool on pods; ``wanted`` has ``marker`` or ``number``, ``seats``, ``customisation``, …"""
        body = {"name": name, "image": image, "pods": list(pods), **wanted}
        return await self._post("/v1/assignments", body, AssignmentView)

    async def edit_assignment(
        self, assignment: str, changes: Mapping[str, Any], revision: int | None = None
    ) -> AssignmentView:
        """Change what is named (a JSON merge patch); with ``revision`` only if that is the one in force."""
        return await self._write("PATCH", _path(assignment), dict(changes), AssignmentView, revision=revision)

    async def add_disk(
        self, assignment: str, lun: int, size_gib: int, revision: int | None = None
    ) -> AssignmentView:  # fmt: skip
        """Give each seat one more data disk."""
        body = {"lun": lun, "size_gib": size_gib}
        return await self._write("POST", f"{_path(assignment)}/disks", body, AssignmentView, revision=revision)

    async def rebuild_assignment(self, assignment: str, pods: Sequence[str] = ()) -> AssignmentView:
        """Make seats anew; on all pods when none is named."""
        return await self._post(f"{_path(assignment)}/rebuild", {"pods": list(pods)}, AssignmentView)

    async def switch_image(
        self, assignment: str, image: str, wanted: Mapping[str, Any] = {}, revision: int | None = None
    ) -> AssignmentView:
        """Bind an assignment to another image; ``wanted`` has ``marker`` or ``number``, ``accept_eula``, ``plan``."""
        body = {"image": image, **wanted}
        return await self._write("POST", f"{_path(assignment)}/switch", body, AssignmentView, revision=revision)

    async def duplicate_assignment(self, assignment: str, name: str, pods: Sequence[str] = ()) -> AssignmentView:
        """Make another pool that wants the same; on the same pods when none is named."""
        return await self._post(f"{_path(assignment)}/duplicate", {"name": name, "pods": list(pods)}, AssignmentView)

    async def drop_assignment(
        self, assignment: str, *, force: bool = False, revision: int | None = None
    ) -> AssignmentView:
        """Delete a pool with its seats; ``force`` also while users are logged on."""
        query = "true" if force else None
        return await self._write("DELETE", _path(assignment), None, AssignmentView, revision=revision, force=query)

    async def seats(
        self,
        assignment: str,
        pod: str | None = None,
        state: str | None = None,
        *,
        where: Mapping[str, str] = {},
        sort: str | None = None,
    ) -> list[SeatView]:
        """The seats of an assignment for which every filter holds, pod by pod."""
        query: dict[str, str | None] = {"pod": pod, "state": state, "sort": sort, **where}
        return await self._all(f"{_path(assignment)}/seats", SeatPage, **query)


def _path(assignment: str) -> str:
    return f"/v1/assignments/{segment(assignment)}"
