"""Pods: what they are and hold, and what the operator says of them."""

from collections.abc import Iterable

import msgspec

from contracts.limits import Limits
from contracts.requests import ItemPage, PodPage, VmPage
from contracts.views import EnrolmentView, PodView
from imprint.client.connection import Connection
from imprint.client.paths import segment


class Pods(Connection):
    """What the client does with pods."""

    async def pods(self) -> list[PodView]:
        """All enrolled pods, by name."""
        return await self._all("/v1/pods", PodPage)

    async def pod(self, pod: str) -> PodView:
        """A pod with its limits and labels."""
        return await self._get(_path(pod), PodView)

    async def enroll_pod(self, pod: str, labels: dict[str, str], hours: float) -> EnrolmentView:
        """A token with which a pod of this name may join within so many hours, with these labels."""
        return await self._post("/v1/pods", {"pod": pod, "labels": labels, "hours": hours}, EnrolmentView)

    async def set_limits(self, pod: str, limits: Limits, revision: int | None = None) -> PodView:
        """Set all limits of a pod; with ``revision`` only if those that were read with it still hold."""
        return await self._write("PUT", f"{_path(pod)}/limits", msgspec.to_builtins(limits), PodView, revision=revision)

    async def set_labels(self, pod: str, labels: dict[str, str], revision: int | None = None) -> PodView:
        """Set all of the operator's labels of a pod; with ``revision`` only if those read with it still hold."""
        return await self._write("PUT", f"{_path(pod)}/labels", {"labels": labels}, PodView, revision=revision)

    async def set_pod_tenants(self, pod: str, tenants: Iterable[str], revision: int | None = None) -> PodView:
        """Say who may use a pod, none: every tenant; with ``revision`` only if those read with it still hold."""
        body = {"tenants": list(tenants)}
        return await self._write("PUT", f"{_path(pod)}/tenants", body, PodView, revision=revision)

    async def set_pod_state(self, pod: str, verb: str, *, force: bool = False) -> PodView:
        """``drain``, ``readmit`` or ``remove`` a pod; ``force`` removes also the only holder of a version."""
        return await self._post(f"{_path(pod)}/{verb}", {"force": True} if force else None, PodView)

    async def request_inventory(self, pod: str) -> None:
        """Have a pod look at what it holds, and compare all of it."""
        await self._command("POST", f"{_path(pod)}/inventory")

    async def pod_vms(self, pod: str) -> VmPage:
        """The VMs of a pod as of its last inventory."""
        return await self._whole(f"{_path(pod)}/vms", VmPage)

    async def pod_library(self, pod: str) -> ItemPage:
        """The content library of a pod as of its last inventory."""
        return await self._whole(f"{_path(pod)}/library", ItemPage)


def _path(pod: str) -> str:
    return f"/v1/pods/{segment(pod)}"
