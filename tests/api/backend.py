"""Services as the door sees them: every request of the contract answered over a real NATS server."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from api import views
from contracts import requests as contract
from contracts.errors import Problem

BY_SUBJECT = {kind.subject(): kind for kind in contract.REPLIES}


def _accepted(_: Any) -> contract.Accepted:
    return contract.Accepted(job=views.JOB, image=views.IMAGE, version=views.VERSION, number="1.0.0")


def _image(request: Any) -> msgspec.Struct:
    if request.image in (views.IMAGE, "default/debian"):
        return views.image
    return Problem(code="image_not_found", detail="There is no such image.", hint="List the images.")


def _version(request: Any) -> msgspec.Struct:
    found = _image(request)
    if isinstance(found, Problem):
        return found
    if request.number not in ("1.0.0", "1.0", "latest"):
        return Problem(code="version_not_found", detail="There is no such version.")
    return views.version


def _pod(reply: msgspec.Struct) -> Callable[[Any], msgspec.Struct]:
    def answer(request: Any) -> msgspec.Struct:
        return reply if request.pod == views.pod.name else Problem(code="pod_not_found", detail="No such pod.")

    return answer


def _limits(request: Any) -> msgspec.Struct:
    if request.pod != views.pod.name:
        return Problem(code="pod_not_found", detail="No such pod.")
    if request.revision not in (None, 4):
        return Problem(code="revision_mismatch", detail="They are at revision 4.", data={"revision": 4})
    return msgspec.structs.replace(views.pod, limits=request.limits, limits_revision=5)


def _job(reply: msgspec.Struct) -> Callable[[Any], msgspec.Struct]:
    def answer(request: Any) -> msgspec.Struct:
        return reply if request.job == views.JOB else Problem(code="job_not_found", detail="No such job.")

    return answer


ANSWERS: dict[type[contract.Request], Callable[[Any], msgspec.Struct | None]] = {
    contract.RegisterImage: lambda request: msgspec.structs.replace(views.image, name=request.name),
    contract.ImportVersion: _accepted,
    contract.PublishVersion: _accepted,
    contract.ListImages: lambda _: contract.ImagePage(items=(views.image,), next="more"),
    contract.GetImage: _image,
    contract.ListVersions: lambda _: contract.VersionPage(items=(views.version,)),
    contract.GetVersion: _version,
    contract.ListCopies: lambda _: contract.CopyPage(items=(views.copy,)),
    contract.ListJobs: lambda _: contract.JobPage(items=(views.job,)),
    contract.GetJob: _job(views.job),
    contract.GetTimeline: _job(contract.TimelinePage(items=(views.entry,))),
    contract.ListPods: lambda _: contract.PodPage(items=(views.pod,)),
    contract.GetPod: _pod(views.pod),
    contract.SetPodLimits: _limits,
    contract.GetPodVms: _pod(contract.VmPage(items=(views.vm,), at=views.AT)),
    contract.AdmitUpload: _pod(Problem(code="pod_offline", detail="The pod does not report at present.")),
    contract.AdmitExport: lambda _: Problem(code="export_unavailable", detail="No pod in touch holds it."),
    contract.GetPodLibrary: _pod(contract.ItemPage(items=(views.item,), at=views.AT)),
}


@dataclass
class Backend:
    """What was asked, and what is answered; a test may replace an answer, None is silence."""

    client: Client
    asked: list[Any] = field(default_factory=list)
    answers: dict[type[contract.Request], Callable[[Any], msgspec.Struct | None]] = field(
        default_factory=lambda: dict(ANSWERS)
    )
    well: dict[str, contract.HealthView] = field(default_factory=dict)

    def reset(self) -> None:
        """Forget what was asked, and answer as in the beginning."""
        self.asked.clear()
        self.answers = dict(ANSWERS)
        self.well.clear()

    async def answer(self, message: Msg) -> None:
        """Answer one request as its service would."""
        _, service, verb = message.subject.split(".")
        if verb == "health":
            view = contract.HealthView(service=service, ready=True, at=views.AT)
            await message.respond(msgspec.json.encode(self.well.get(service, view)))
            return
        kind = BY_SUBJECT[message.subject]
        request = msgspec.json.decode(message.data, type=kind)
        self.asked.append(request)
        reply = self.answers[kind](request)
        if reply is not None:
            await message.respond(msgspec.json.encode(reply))

    @property
    def last(self) -> Any:
        """The last thing that was asked."""
        return self.asked[-1]


@asynccontextmanager
async def backend(url: str, *services: str) -> AsyncIterator[Backend]:
    """Answer for these services while the block runs."""
    client = await nats.connect(url, name="backend")
    found = Backend(client)
    for service in services:
        for family in ("command", "query"):
            await client.subscribe(f"{family}.{service}.*", cb=found.answer)
    await client.flush()
    try:
        yield found
    finally:
        await client.close()
