"""Services as the door sees them: every request of the contract answered over a real NATS server."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from api import sharing, views
from contracts import requests as contract
from contracts.errors import Problem
from contracts.views import IdentityView, ImageView
from runtime.bearer import digest

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


def _revised(kind: str, reply: Any) -> Callable[[Any], msgspec.Struct]:
    """Answers an edit of what is at ``reply.revision``; ``kind`` is the field by which the request names it."""

    def answer(request: Any) -> msgspec.Struct:
        found = _named(kind, reply)(request)
        if isinstance(found, Problem) or getattr(request, "revision", None) in (None, reply.revision):
            return found
        detail = f"It is at revision {reply.revision}."
        return Problem(code="revision_mismatch", detail=detail, data={"revision": reply.revision})

    return answer


def _named(kind: str, reply: Any, owner: Any = None) -> Callable[[Any], msgspec.Struct]:
    """Answers for the one thing that there is; ``kind`` is the field by which the request names it."""
    codes = {"name": "policy_not_found", "hook": "hook_not_found", "version": "placement_not_found"}
    owned = owner or reply
    ident = {"name": "name", "hook": "id", "version": "version", "gallery": "id", "assignment": "id", "marker": "name"}

    def answer(request: Any) -> msgspec.Struct:
        if getattr(request, kind) in (getattr(owned, ident[kind]), getattr(owned, "name", None)):
            return reply  # type: ignore[no-any-return]
        return Problem(code=codes.get(kind, f"{kind}_not_found"), detail="There is no such thing.")

    return answer


def _edited(found: Callable[[Any], Any]) -> Callable[[Any], msgspec.Struct]:
    """Answers an edit of what a command knows only in part; what it does not know is left as it is not."""

    def answer(request: Any) -> msgspec.Struct:
        view = found(request)
        if isinstance(view, Problem):
            return view
        if getattr(request, "revision", None) not in (None, view.revision):
            return Problem(code="revision_mismatch", detail=f"It is at revision {view.revision}.")
        if isinstance(view, ImageView):
            return msgspec.structs.replace(view, latest=None, usable=False, revision=view.revision + 1)
        return msgspec.structs.replace(view, where=(), markers=(), revision=view.revision + 1)

    return answer


def _done(found: Callable[[Any], Any]) -> Callable[[Any], msgspec.Struct]:
    """Answers what has nothing more to say of the thing that it was done to."""

    def answer(request: Any) -> msgspec.Struct:
        view = found(request)
        return view if isinstance(view, Problem) else contract.Done()

    return answer


def _life(request: Any) -> msgspec.Struct:
    view = _image(request) if request.number is None else _version(request)
    return view if isinstance(view, Problem) else contract.Done()


def _of_version(reply: msgspec.Struct) -> Callable[[Any], msgspec.Struct]:
    def answer(request: Any) -> msgspec.Struct:
        found = _version(request)
        return found if isinstance(found, Problem) else reply

    return answer


def _of_image(reply: msgspec.Struct) -> Callable[[Any], msgspec.Struct]:
    def answer(request: Any) -> msgspec.Struct:
        found = _image(request)
        return found if isinstance(found, Problem) else reply

    return answer


def _marker(request: Any) -> msgspec.Struct:
    found = _image(request)
    return found if isinstance(found, Problem) else _revised("marker", views.marker)(request)


def _kept(noun: str, view: Any, reply: msgspec.Struct | None = None) -> Callable[[Any], msgspec.Struct]:
    """Answers for the one retention policy, flavour or namespace that there is."""

    def answer(request: Any) -> msgspec.Struct:
        if request.name in (getattr(view, noun).name, None):
            return reply or contract.Done()
        return Problem(code=f"{noun}_not_found", detail="There is no such thing.")

    return answer


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
    contract.UnpublishVersion: _accepted,
    contract.CancelPublish: _accepted,
    contract.CancelJob: _job(views.job),
    contract.EnrollPod: lambda request: msgspec.structs.replace(views.enrolment, pod=request.pod),
    contract.SetPodLabels: _pod(views.pod),
    contract.SetPodState: _pod(views.pod),
    contract.RequestInventory: _pod(contract.Done()),
    contract.GetMetrics: lambda _: views.metrics,
    contract.GetPlacement: _named("version", views.placement),
    contract.PlanPlacement: lambda _: contract.PlanPage(items=(views.plan,), estimate=12.5, next="more"),
    contract.EditPlacement: _revised("version", views.placement),
    contract.PausePlacement: _named("version", views.placement),
    contract.RemoveCopy: _pod(views.copy),
    contract.RepairCopy: _pod(views.copy),
    contract.ListPolicies: lambda _: contract.PolicyPage(items=(views.policy,)),
    contract.GetPolicy: _named("name", views.policy),
    contract.SetPolicy: lambda request: msgspec.structs.replace(views.policy, name=request.name),
    contract.SuspendPolicy: _named("name", views.policy),
    contract.DropPolicy: _named("name", contract.Done(), views.policy),
    contract.CreateHook: lambda request: msgspec.structs.replace(views.hook, url=request.url, secret="s" * 32),
    contract.UpdateHook: _revised("hook", views.hook),
    contract.DropHook: _named("hook", contract.Done(), views.hook),
    contract.TestHook: _named("hook", views.delivery, views.hook),
    contract.Redeliver: _named("hook", contract.Done(), views.hook),
    contract.ListHooks: lambda _: contract.HookPage(items=(views.hook,)),
    contract.GetHook: _named("hook", views.hook),
    contract.ListDeliveries: _named("hook", contract.DeliveryPage(items=(views.delivery,)), views.hook),
    contract.CreateGallery: lambda request: msgspec.structs.replace(views.gallery, name=request.name),
    contract.EditGallery: _revised("gallery", views.gallery),
    contract.DropGallery: _done(_revised("gallery", views.gallery)),
    contract.ListGalleries: lambda _: contract.GalleryPage(items=(views.gallery,)),
    contract.GetGallery: _named("gallery", views.gallery),
    contract.SetQuota: lambda request: msgspec.structs.replace(views.quota, tenant=request.tenant, quota=request.quota),
    contract.GetQuota: lambda _: views.quota,
    contract.SetRetention: lambda request: msgspec.structs.replace(views.retention, retention=request.retention),
    contract.DropRetention: _kept("retention", views.retention),
    contract.ListRetentions: lambda _: contract.RetentionPage(items=(views.retention,)),
    contract.PreviewRetention: _kept(
        "retention", views.retention, contract.VictimPage(items=(views.victim,), looked_at=9)
    ),
    contract.RunRetention: _kept("retention", views.retention),
    contract.SetFlavour: lambda request: msgspec.structs.replace(views.flavour, flavour=request.flavour),
    contract.DropFlavour: _kept("flavour", views.flavour),
    contract.ListFlavours: lambda _: contract.FlavourPage(items=(views.flavour,)),
    contract.SetNamespace: lambda request: msgspec.structs.replace(views.namespace, namespace=request.namespace),
    contract.DropNamespace: _kept("namespace", views.namespace),
    contract.ListNamespaces: lambda _: contract.NamespacePage(items=(views.namespace,)),
    contract.SetCertificate: lambda request: msgspec.structs.replace(views.certificate, name=request.name),
    contract.DropCertificate: _named("name", contract.Done(), views.certificate),
    contract.ListCertificates: lambda _: contract.CertificatePage(items=(views.certificate,)),
    contract.ListAudit: lambda _: contract.AuditPage(items=(views.audit,), sequence=1, head="d" * 64),
    contract.EditImage: _edited(_image),
    contract.EditTags: _edited(_image),
    contract.DeleteImage: _done(_image),
    contract.EditVersion: _edited(_version),
    contract.SetDataAccess: _edited(_version),
    contract.SetEnabled: _life,
    contract.SetProtection: _life,
    contract.SetDeprecation: _life,
    contract.DeleteVersion: _of_version(_accepted(None)),
    contract.RestoreVersion: _edited(_version),
    contract.RecordValidation: _edited(_version),
    contract.GetLineage: _of_version(contract.AncestorPage(items=(views.ancestor,))),
    contract.GetUsers: _of_version(contract.UserPage(items=(views.user,))),
    contract.RetryJob: _job(_accepted(None)),
    contract.MoveMarker: _marker,
    contract.RollbackMarker: _marker,
    contract.SteerRollout: _marker,
    contract.DropMarker: _done(_marker),
    contract.ListMarkers: _of_image(contract.MarkerPage(items=(views.marker,))),
    contract.GetMarker: _marker,
    contract.CreateAssignment: lambda request: msgspec.structs.replace(views.assignment, name=request.name),
    contract.EditAssignment: _revised("assignment", views.assignment),
    contract.AddDisk: _revised("assignment", views.assignment),
    contract.RebuildAssignment: _revised("assignment", views.assignment),
    contract.SwitchImage: _revised("assignment", views.assignment),
    contract.DuplicateAssignment: _revised("assignment", views.assignment),
    contract.DropAssignment: _revised("assignment", views.assignment),
    contract.ListAssignments: lambda _: contract.AssignmentPage(items=(views.assignment,)),
    contract.GetAssignment: _named("assignment", views.assignment),
    contract.ListSeats: _named("assignment", contract.SeatPage(items=(views.seat,)), views.assignment),
    contract.GetPodLibrary: _pod(contract.ItemPage(items=(views.item,), at=views.AT)),
    **sharing.ANSWERS,
}


TOKEN = "imprint_of-the-tests"
"""The token that clients of the door have, unless a test says otherwise."""
BEARERS = {digest(TOKEN): contract.IdentityView(tenant="default", name="admin", roles=("operator",))}


@dataclass
class Backend:
    """What was asked, and what is answered; a test may replace an answer, None is silence."""

    client: Client
    asked: list[Any] = field(default_factory=list)
    answers: dict[type[contract.Request], Callable[[Any], msgspec.Struct | None]] = field(
        default_factory=lambda: dict(ANSWERS)
    )
    well: dict[str, contract.HealthView] = field(default_factory=dict)

    silent: set[str] = field(default_factory=set)
    """Services that do not say how they are."""
    bearers: dict[str, IdentityView] = field(default_factory=lambda: dict(BEARERS))
    """Who bears a token, by its digest."""
    identified: list[Any] = field(default_factory=list)
    """What the door asked about bearers; that is not in ``asked``, since it is a matter of time."""

    def reset(self) -> None:
        """Forget what was asked, and answer as in the beginning."""
        self.asked.clear()
        self.answers = dict(ANSWERS)
        self.well.clear()
        self.silent.clear()
        self.bearers = dict(BEARERS)
        self.identified.clear()

    async def answer(self, message: Msg) -> None:
        """Answer one request as its service would."""
        _, service, verb = message.subject.split(".")
        if verb == "health":
            if service in self.silent:
                return
            view = contract.HealthView(service=service, ready=True, at=views.AT)
            await message.respond(msgspec.json.encode(self.well.get(service, view)))
            return
        kind = BY_SUBJECT[message.subject]
        request = msgspec.json.decode(message.data, type=kind)
        if isinstance(request, contract.Authenticate | contract.Identify):
            self.identified.append(request)
            reply = self._bearer(request) if kind not in self.answers else self.answers[kind](request)
            if reply is not None:
                await message.respond(msgspec.json.encode(reply))
            return
        self.asked.append(request)
        reply = self.answers[kind](request)
        if reply is not None:
            await message.respond(msgspec.json.encode(reply))

    def let(self, token: str, **who: Any) -> None:
        """From now on ``token`` is that of somebody."""
        fields = {"tenant": "default", "name": "admin", **who}
        self.bearers[digest(token)] = contract.IdentityView(**fields)

    def _bearer(self, request: contract.Authenticate | contract.Identify) -> msgspec.Struct:
        if isinstance(request, contract.Identify):
            return contract.IdentityView(
                tenant=request.tenant, name=request.name, kind=request.kind, roles=request.roles, until=request.until
            )
        refused = Problem(code="unauthenticated", detail="Nobody bears it.")
        return self.bearers.get(request.digest, refused)

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
