"""What the replicator's tests share: a driver over its reactions, and the words of pods and of the catalog."""

from datetime import timedelta
from typing import Any

from contracts.errors import Failure
from contracts.events.from_pods import (
    CopyContinued,
    CopyCorrupted,
    CopyDropped,
    CopyFinalised,
    CopyRejected,
    CopyTransferred,
    Datastore,
    FileDigest,
    PodAnnounced,
    PodReported,
)
from contracts.events.hub import (
    Targets,
    VersionCancelRequested,
    VersionPublishRequested,
    VersionUnpublishRequested,
)
from contracts.manifest import Disk, Manifest, Source
from contracts.names import copy_id
from contracts.requests import Actor, Command
from core.driver import START, Driver
from replicator.documents import COPY, PLACEMENT
from replicator.domain.copy import Copy
from replicator.domain.placement import Placement
from replicator.domain.retry import Policy
from replicator.handlers import Config, reactions
from runtime.tickets import Ticket

VERSION = "0" * 31 + "1"
SAGA = "5" * 32
TENANT = "acme"
MANIFEST = Manifest(
    disks=(
        Disk(role="os", lun=0, format="qcow2", size=1000, virtual_size=4096, root="a" * 64, sha256="b" * 64),
        Disk(role="data", lun=1, format="raw", size=500, virtual_size=500, root="c" * 64, sha256="d" * 64),
    ),
    source=Source(pod="pod-1", name="golden"),
    created=START,
)
FILES = tuple(FileDigest(lun=disk.lun, format=disk.format, size=disk.size, root=disk.root) for disk in MANIFEST.disks)
DEADLINE = START + timedelta(hours=1)


def plainly(ticket: Ticket) -> str:
    """A ticket that can be read in a test, instead of a signature."""
    return f"{ticket.pod} may read {ticket.version} until {ticket.expires.isoformat()}"


def announcement(boot: str = "boot-1", **changes: Any) -> PodAnnounced:
    """A connector's first word; its address names the boot."""
    return PodAnnounced(
        **{
            "boot": boot,
            "address": "http://127.0.0.1:9000",
            "hypervisor": "directory",
            "family": "kvm",
            "connector_version": "1",
            "formats": ("qcow2", "raw"),
            "labels": {},
            "datastores": (Datastore(name="store", capacity=10_000, free=9_000),),
            "interval": 10.0,
        }
        | changes
    )


def heartbeat(boot: str = "boot-1", root: str = "", **changes: Any) -> PodReported:
    """A connector's report; without a root it holds nothing to ask for."""
    return PodReported(**{"boot": boot, "root": root, "datastores": (), "dead_letters": 0} | changes)


def finalised(pod: str, attempt: int = 1, **changes: Any) -> CopyFinalised:
    """The word that a copy is usable, right in every point unless changed."""
    return CopyFinalised(
        **{
            "copy": copy_id(VERSION, pod, 0),
            "version": VERSION,
            "attempt": attempt,
            "digest": MANIFEST.digest,
            "item": "item-1",
            "datastore": "store",
            "files": FILES,
            "bytes_network": 1200,
            "bytes_reused": 300,
        }
        | changes
    )


def transferred(pod: str, attempt: int = 1, **changes: Any) -> CopyTransferred:
    """The word that all bytes are there."""
    return CopyTransferred(
        **{
            "copy": copy_id(VERSION, pod, 0),
            "version": VERSION,
            "attempt": attempt,
            "digest": MANIFEST.digest,
            "bytes_network": 1200,
            "bytes_reused": 300,
        }
        | changes
    )


def rejected(pod: str, attempt: int = 1, *, retry: bool = True, code: str = "source_unreachable") -> CopyRejected:
    """The word that an attempt failed."""
    failure = Failure(code=code, step="transfer", text="it did not work", retry=retry)
    return CopyRejected(copy=copy_id(VERSION, pod, 0), version=VERSION, attempt=attempt, failure=failure)


def corrupted(pod: str, **changes: Any) -> CopyCorrupted:
    """The word that a copy at rest is not any more what was finalised."""
    failure = Failure(code="bit_rot", step="scrub", text="bytes at rest changed", retry=True)
    return CopyCorrupted(
        **{
            "copy": copy_id(VERSION, pod, 0),
            "version": VERSION,
            "digest": MANIFEST.digest,
            "chunks": 1,
            "failure": failure,
        }
        | changes
    )


def continued(pod: str, attempt: int = 1) -> CopyContinued:
    """The word that an attempt takes longer than its ticket."""
    return CopyContinued(copy=copy_id(VERSION, pod, 0), version=VERSION, attempt=attempt)


def publishing(publication: int = 1, **changes: Any) -> VersionPublishRequested:
    """The catalog's word that copies are wanted, on all pods unless changed."""
    return VersionPublishRequested(
        **{
            "version": VERSION,
            "image": "image-1",
            "number": "1.0.0",
            "tenant": TENANT,
            "publication": publication,
            "manifest": MANIFEST,
            "targets": Targets(),
            "replicas": 1,
            "deadline": DEADLINE,
            "revision": publication,
        }
        | changes
    )


def dropped(pod: str, attempt: int = 1, replica: int = 0) -> CopyDropped:
    """The word that nothing is left of what was taken back."""
    return CopyDropped(copy=copy_id(VERSION, pod, replica), version=VERSION, attempt=attempt)


def cancelling(publication: int = 1) -> VersionCancelRequested:
    """The catalog's word that a publish is given up."""
    return VersionCancelRequested(
        version=VERSION, image="image-1", number="1.0.0", tenant=TENANT, publication=publication, revision=9
    )


def unpublishing(publication: int = 1) -> VersionUnpublishRequested:
    """The catalog's word that no copy is wanted any more."""
    return VersionUnpublishRequested(
        version=VERSION, image="image-1", number="1.0.0", tenant=TENANT, publication=publication, revision=9
    )


class House(Driver):
    """The replicator with pods; everything is said by its right speaker."""

    def __init__(self, *pods: str, policy: Policy | None = None, **config: Any) -> None:
        super().__init__(reactions(Config(sign=plainly, policy=policy or Policy(backoff=(5.0, 30.0)), **config)))
        for name in pods:
            self.pod(name, announcement())
        self.emitted.clear()

    def pod(self, name: str, body: Any) -> list[Any]:
        """``name`` says ``body``; what the replicator said to that, and to itself at once."""
        return self.events(self.say(body, f"pod:{name}", saga="f" * 32) + self.pass_time(0))

    def publish(self, publication: int = 1, **changes: Any) -> list[Any]:
        """The catalog asks for copies; what the replicator said to that, and to itself at once."""
        return self.catalog(publishing(publication, **changes))

    def catalog(self, body: Any) -> list[Any]:
        """The catalog says ``body``; what the replicator said to that, and to itself at once."""
        return self.events(self.say(body, "catalog", saga=SAGA) + self.pass_time(0))

    def sharing(self, *bodies: Any) -> list[Any]:
        """Sharing says ``bodies``; what the replicator said to that, and to itself at once."""
        said = [one for body in bodies for one in self.say(body, "sharing")]
        return self.events(said + self.pass_time(0))

    def asked(
        self, kind: type[Command], *, tenant: str = TENANT, actor: Actor | None = None, **fields: Any
    ) -> tuple[Any, list[Any]]:
        """Somebody of ``tenant`` gives a command about the version; the reply, and what was said."""
        actor, before = actor or Actor(tenant=tenant, name="ann", roles=("owner",)), len(self.emitted)
        reply = self.ask(kind(id=self.new_id(), actor=actor, **{"version": VERSION} | fields))
        self.pass_time(0)
        return reply, self.events(self.emitted[before:])

    def copy(self, pod: str, replica: int = 0) -> Copy:
        """The copy on ``pod``."""
        found = self.get(COPY, copy_id(VERSION, pod, replica))
        assert found is not None
        return found

    def state(self, pod: str, replica: int = 0) -> str:
        """The name of the copy's state."""
        return str(self.copy(pod, replica).__struct_config__.tag)

    def placement(self) -> Placement:
        """What is wanted of the version."""
        found = self.get(PLACEMENT, VERSION)
        assert found is not None
        return found


def kinds(events: list[Any]) -> list[str]:
    """What was said, by noun and verb."""
    return [event.words() for event in events]
