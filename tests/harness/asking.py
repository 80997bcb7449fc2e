"""What a test asks of the hub: commands and queries as the gateway sends them, and waiting for a job's end."""

from collections.abc import Sequence
from typing import Any

from contracts.events.hub import Targets
from contracts.manifest import Source
from contracts.requests import (
    Accepted,
    Actor,
    Command,
    GetJob,
    GetPlacement,
    GetVersion,
    ImportVersion,
    ListCopies,
    PublishVersion,
    Request,
    command_id,
)
from contracts.views import CopyView, JobView, VersionView
from harness.record import Record
from runtime.ids import new_id
from runtime.requests import Requests

ENDED = ("SUCCESS", "PARTIAL", "FAILURE", "CANCELLED")
IMAGE = "default/debian"
ACTOR = Actor(tenant="default", name="tester", roles=("operator", "owner"))


class Asking:
    """One asker, and the record by which it notices that something happened."""

    def __init__(self, requests: Requests, record: Record) -> None:
        self._requests = requests
        self.record = record

    async def ask(self, request: Request, *, service: str | None = None) -> Any:
        """The reply to a request; a refusal is a `Problem`."""
        return await self._requests.ask(request, service=service)

    async def import_(
        self, image: str = IMAGE, *, pod: str = "pod-1", name: str = "golden", key: str | None = None, **more: Any
    ) -> Any:
        """Ask for an import of a VM (or what ``more`` says): `Accepted`, or a `Problem`."""
        about = {field: more.pop(field) for field in ("kind", "disks") if field in more}
        fields: dict[str, Any] = {"create": True} | more
        source = Source(pod=pod, name=name, **about)
        return await self.ask(ImportVersion(id=_command(key), actor=ACTOR, image=image, source=source, **fields))

    async def publish(
        self, number: str, image: str = IMAGE, *, pods: Sequence[str] = (), key: str | None = None, **more: Any
    ) -> Any:
        """Ask for a publish to ``pods`` (or what ``more`` says of targets and terms): `Accepted`, or a `Problem`."""
        fields: dict[str, Any] = {"targets": Targets(kind="list", pods=tuple(pods))} if pods else {}
        command = PublishVersion(id=_command(key), actor=ACTOR, image=image, number=number, **(fields | more))
        return await self.ask(command)

    async def command(self, kind: type[Command], *, key: str | None = None, **fields: Any) -> Any:
        """The reply to a command of the usual actor."""
        return await self.ask(kind(id=_command(key), actor=ACTOR, **fields))

    async def job(self, accepted: Any, *, timeout: float = 20.0) -> JobView:
        """The job of an accepted command, once it came to its end."""
        assert isinstance(accepted, Accepted), accepted

        async def ended() -> JobView | None:
            view = await self.ask(GetJob(actor=ACTOR, job=accepted.job))
            assert isinstance(view, JobView), view
            return view if view.state in ENDED else None

        view: JobView = await self.record.until(ended, timeout)
        return view

    async def imported(self, image: str = IMAGE, **more: Any) -> VersionView:
        """Import, which must succeed; the version."""
        accepted = await self.import_(image, **more)
        job = await self.job(accepted)
        assert job.state == "SUCCESS", job
        version = await self.version(accepted.number, image)
        assert isinstance(version, VersionView), version
        return version

    async def published(self, number: str, image: str = IMAGE, **more: Any) -> tuple[JobView, VersionView]:
        """Publish and wait for the end, whatever it is."""
        job = await self.job(await self.publish(number, image, **more))
        return job, await self.version(number, image)

    async def version(self, number: str = "latest", image: str = IMAGE, *, pod: str | None = None) -> Any:
        """A version, or the `Problem` that there is none."""
        return await self.ask(GetVersion(actor=ACTOR, image=image, number=number, pod=pod))

    async def copies(self, version: str) -> dict[str, CopyView]:
        """The copies of a version by pod."""
        page = await self.ask(ListCopies(actor=ACTOR, version=version))
        return {copy.pod: copy for copy in page.items}

    async def replicas(self, version: str) -> dict[tuple[str, int], CopyView]:
        """The copies of a version by pod and replica."""
        page = await self.ask(ListCopies(actor=ACTOR, version=version))
        return {(copy.pod, copy.replica): copy for copy in page.items}

    async def placement(self, version: str) -> Any:
        """What is wanted of a version, and how it stands: `PlacementView`, or a `Problem`."""
        return await self.ask(GetPlacement(actor=ACTOR, version=version))


def _command(key: str | None) -> str:
    return command_id(ACTOR, key or new_id())
