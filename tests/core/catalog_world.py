"""A catalog at work with pods to import from and publish to: the words that the tests of the catalog say to it."""

import itertools
from pathlib import Path
from typing import Any

import msgspec

from catalog.config import Config
from catalog.documents import JOB, VERSION
from catalog.handlers import reactions
from catalog.settings import CatalogSettings
from contracts.errors import Failure, Problem
from contracts.events.from_pods import SourcePrepared, SourceRejected, SourceStarted
from contracts.events.hub import (
    CopyAvailable,
    CopyCancelled,
    CopyDelayed,
    CopyFailed,
    CopyLost,
    CopyPlanned,
    CopyRemoved,
    CopyRetired,
    CopyStarted,
    PlacementPlanned,
    PodEnrolled,
    Targets,
)
from contracts.manifest import Disk, Manifest, Source
from contracts.names import copy_id
from contracts.requests import (
    Accepted,
    Actor,
    CancelJob,
    CancelPublish,
    ImportVersion,
    PublishVersion,
    RegisterImage,
    UnpublishVersion,
)
from core.driver import START, Driver
from runtime.work import Emitted, Reminder

ADA = Actor(tenant="acme", name="ada", roles=("owner",))
EVE = Actor(tenant="evil", name="eve", roles=("owner",))
SETTINGS = CatalogSettings(data="", intake_tenants="jenkins=acme, packer = lab")
SOURCE = Source(pod="pod-1", name="golden")
BROKEN = Failure(code="io_error", step="transfer", text="the disk broke")
MIGRATIONS = Path(__file__).parents[2] / "services" / "catalog" / "migrations"


def disk(role: Any = "os", lun: int = 0, size: int = 4096, virtual_size: int = 8192) -> Disk:
    return Disk(role=role, lun=lun, format="raw", size=size, virtual_size=virtual_size, root="a" * 64, sha256="b" * 64)


def manifest(*disks: Disk, source: Source = SOURCE) -> Manifest:
    return Manifest(disks=disks or (disk(), disk("data", 1)), source=source, created=START)


def vouched(version: str, manifest: Manifest) -> Manifest:
    """The manifest with what stands for the hub's signature in these tests: the version it was vouched for."""
    return msgspec.structs.replace(manifest, signature=f"hub/{version}")


class World(Driver):
    """A driver of the catalog with pods pod-1 to pod-3 enrolled."""

    def __init__(self, *, pods: int = 3, settings: CatalogSettings = SETTINGS) -> None:
        super().__init__(reactions(Config(settings, vouched)))
        self._command = itertools.count(1)
        for n in range(1, pods + 1):
            self.say(PodEnrolled(pod=f"pod-{n}", hypervisor="qemu", revision=1), "replicator")

    @property
    def under_way(self) -> dict[str, Reminder]:
        """The reminders of what goes on, without those of housekeeping: old jobs, images for retention policies."""
        return {name: one for name, one in self.reminders.items() if not name.startswith(("job/", "shelf/"))}

    def command_id(self) -> str:
        return f"{next(self._command):032x}"

    def register(self, name: str = "base", actor: Actor = ADA, **given: Any) -> Any:
        return self.ask(RegisterImage(id=self.command_id(), actor=actor, name=name, **given))

    def import_(self, image: str = "base", actor: Actor = ADA, **given: Any) -> Any:
        given = {"source": SOURCE, "create": True, **given}
        return self.ask(ImportVersion(id=self.command_id(), actor=actor, image=image, **given))

    def publish(self, image: str = "base", number: str = "1.0.0", actor: Actor = ADA, **given: Any) -> Any:
        return self.ask(PublishVersion(id=self.command_id(), actor=actor, image=image, number=number, **given))

    def unpublish(self, image: str = "base", number: str = "1.0.0", actor: Actor = ADA) -> Any:
        return self.ask(UnpublishVersion(id=self.command_id(), actor=actor, image=image, number=number))

    def cancel(self, image: str = "base", number: str = "1.0.0", actor: Actor = ADA) -> Any:
        return self.ask(CancelPublish(id=self.command_id(), actor=actor, image=image, number=number))

    def cancel_job(self, job: str, actor: Actor = ADA) -> Any:
        return self.ask(CancelJob(id=self.command_id(), actor=actor, job=job))

    def started(self, version: str, *, pod: str = "pod-1", attempt: int = 1) -> list[Emitted]:
        return self.say(SourceStarted(version=version, attempt=attempt), f"pod:{pod}", saga="chosen by the pod")

    def prepared(
        self, version: str, *, pod: str = "pod-1", attempt: int = 1, of: Manifest | None = None
    ) -> list[Emitted]:
        event = SourcePrepared(version=version, attempt=attempt, manifest=of or manifest(), datastore="main")
        return self.say(event, f"pod:{pod}", saga="chosen by the pod")

    def rejected(self, version: str, *, pod: str = "pod-1", failure: Failure | None = None) -> list[Emitted]:
        failure = failure or Failure(code="vm_not_found", step="look_up", text="no such VM")
        return self.say(SourceRejected(version=version, attempt=1, failure=failure), f"pod:{pod}", saga="pod's own")

    def deployed(self, image: str = "base", **given: Any) -> Accepted:
        """Import a version up to DEPLOYMENT_DONE."""
        accepted = self.import_(image, **given)
        assert isinstance(accepted, Accepted), accepted
        self.started(accepted.version)
        self.prepared(accepted.version)
        return accepted

    def published(self, image: str = "base", *, pods: tuple[str, ...] = ("pod-1", "pod-2", "pod-3")) -> Accepted:
        """Import a version and publish it to ``pods``, all AVAILABLE."""
        accepted = self.deployed(image)
        job = self.publish(image, accepted.number, targets=Targets(kind="list", pods=pods))
        assert isinstance(job, Accepted), job
        for pod in pods:
            self.copy(planned(accepted.version, pod, wanted=len(pods)))
            self.copy(available(accepted.version, pod, revision=3))
        return accepted

    def copy(self, event: Any) -> list[Emitted]:
        return self.say(event, "replicator", saga="the replicator's")

    def version(self, id: str) -> Any:
        found = self.get(VERSION, id)
        assert found is not None, f"no version {id}"
        return found

    def state(self, id: str) -> str:
        return str(self.version(id).__struct_config__.tag)

    def job(self, id: str) -> Any:
        found = self.get(JOB, id)
        assert found is not None, f"no job {id}"
        return found

    def job_state(self, id: str) -> str:
        return str(self.job(id).__struct_config__.tag)

    def said(self, said: list[Emitted]) -> list[str]:
        """The names of what was said: ``version.deployed``."""
        return [type(one.event).words() for one in said]


def refused(reply: Any, code: str) -> Problem:
    """``reply`` as the Problem that it must be."""
    assert isinstance(reply, Problem), reply
    assert reply.code == code, reply
    assert reply.status >= 400
    assert reply.hint, "a refusal tells what to do next"
    return reply


def planned(
    version: str,
    pod: str,
    *,
    wanted: int = 1,
    state: Any = "PENDING",
    publication: int = 1,
    revision: int = 1,
    excluded: bool = False,
) -> CopyPlanned:
    return CopyPlanned(
        copy=copy_id(version, pod, 0),
        version=version,
        image="i",
        pod=pod,
        replica=0,
        publication=publication,
        wanted=wanted,
        state=state,
        reason="draining" if state == "SKIPPED" else "",
        excluded=excluded,
        revision=revision,
    )


def copying(version: str, pod: str, *, revision: int = 2) -> CopyStarted:
    return CopyStarted(
        copy=copy_id(version, pod, 0), version=version, image="i" * 32, pod=pod, attempt=1, revision=revision
    )


def delayed(version: str, pod: str, *, revision: int = 3) -> CopyDelayed:
    return CopyDelayed(
        copy=copy_id(version, pod, 0),
        version=version,
        image="i" * 32,
        pod=pod,
        attempt=1,
        failure=BROKEN,
        next_attempt=START,
        revision=revision,
    )


def available(version: str, pod: str, *, revision: int = 3) -> CopyAvailable:
    return CopyAvailable(
        copy=copy_id(version, pod, 0),
        version=version,
        image="i",
        pod=pod,
        attempt=1,
        digest="d",
        bytes_network=1,
        bytes_reused=0,
        revision=revision,
    )


def failed(version: str, pod: str, *, revision: int = 3) -> CopyFailed:
    return CopyFailed(
        copy=copy_id(version, pod, 0), version=version, image="i", pod=pod, attempt=1, failure=BROKEN, revision=revision
    )


def lost(version: str, pod: str, *, revision: int = 4) -> CopyLost:
    return CopyLost(
        copy=copy_id(version, pod, 0),
        version=version,
        image="i",
        pod=pod,
        state="CORRUPT",
        failure=BROKEN,
        revision=revision,
    )


def cancelled(version: str, pod: str, *, revision: int = 4, wanted: bool = True) -> CopyCancelled:
    return CopyCancelled(
        copy=copy_id(version, pod, 0), version=version, image="i", pod=pod, wanted=wanted, revision=revision
    )


def retired(version: str, pod: str, *, revision: int = 4) -> CopyRetired:
    return CopyRetired(copy=copy_id(version, pod, 0), version=version, image="i", pod=pod, revision=revision)


def removed(version: str, pod: str, *, revision: int = 5) -> CopyRemoved:
    return CopyRemoved(copy=copy_id(version, pod, 0), version=version, image="i", pod=pod, revision=revision)


def announced(version: str, wanted: int, *, publication: int = 1, revision: int = 1, **given: Any) -> PlacementPlanned:
    return PlacementPlanned(
        version=version,
        image="i",
        tenant="acme",
        publication=publication,
        wanted=wanted,
        skipped=0,
        revision=revision,
        **given,
    )
