"""What a connector tells itself: work that ended outside a handler, and what was seen of the pod."""

from datetime import datetime
from typing import TypeAlias

from connector.domain.inventory import Inventory
from connector.domain.pools import Told
from connector.domain.tasks import Discard, Release, Withdraw
from contracts.errors import Failure
from contracts.events.from_pods import Datastore, FileDigest
from contracts.manifest import Manifest
from runtime.work import Local


class ImportDone(Local, frozen=True, kw_only=True, tag="import.done"):
    version: str
    attempt: int
    manifest: Manifest
    datastore: str
    warnings: tuple[str, ...]


class ImportBegun(Local, frozen=True, kw_only=True, tag="import.begun"):
    """An import is at work, and its source did not pass the gate yet."""

    version: str
    attempt: int


class ImportStepped(Local, frozen=True, kw_only=True, tag="import.stepped"):
    """The import plug-in at this position ran to its end here."""

    version: str
    attempt: int
    position: int


class ImportInspected(Local, frozen=True, kw_only=True, tag="import.inspected"):
    """The source of an import passed the gate, or its work goes on: so many bytes of disk files."""

    version: str
    attempt: int
    size: int


class ImportRejected(Local, frozen=True, kw_only=True, tag="import.rejected"):
    version: str
    attempt: int
    failure: Failure


class CopyArrived(Local, frozen=True, kw_only=True, tag="copy.arrived"):
    copy: str
    version: str
    attempt: int
    digest: str
    bytes_network: int
    bytes_reused: int
    bytes_from: dict[str, int] = {}


class CopyDone(Local, frozen=True, kw_only=True, tag="copy.done"):
    copy: str
    version: str
    attempt: int
    digest: str
    datastore: str
    files: tuple[FileDigest, ...]
    bytes_network: int
    bytes_reused: int
    bytes_from: dict[str, int] = {}


class CopyRejected(Local, frozen=True, kw_only=True, tag="copy.rejected"):
    copy: str
    version: str
    attempt: int
    failure: Failure


class CopyContinued(Local, frozen=True, kw_only=True, tag="copy.continued"):
    """The ticket of a copy under way ends soon."""

    copy: str
    version: str
    attempt: int


class Corrupted(Local, frozen=True, kw_only=True, tag="corrupted"):
    """An item of the library was quarantined: its bytes changed at rest.

    ``copies`` are the copies it stands for, ``digest`` the content digest that was finalised, ``chunks`` how many were
    found wrong.
    """

    version: str
    copies: tuple[str, ...]
    digest: str
    chunks: int
    failure: Failure


class Removed(Local, frozen=True, kw_only=True, tag="removed"):
    """A discard or a withdrawal was carried out."""

    done: Discard | Withdraw


class Released(Local, frozen=True, kw_only=True, tag="released"):
    """A source was released; ``kept`` says why it is still there, nothing when it is gone."""

    done: Release
    kept: str = ""


class PoolSeen(Local, frozen=True, kw_only=True, tag="pool.seen"):
    """What a pool was found to be, or what came of making it; ``asked`` is when the word came that it is about."""

    assignment: str
    asked: datetime
    told: Told


class PoolForgotten(Local, frozen=True, kw_only=True, tag="pool.forgotten"):
    """No message about a pool that is gone can be on its way any more."""

    assignment: str


class Started(Local, frozen=True, kw_only=True, tag="started"):
    """The connector started."""

    boot: str
    address: str
    hypervisor: str
    family: str
    connector_version: str
    formats: tuple[str, ...]
    labels: dict[str, str]
    datastores: tuple[Datastore, ...]
    interval: float
    token: str = ""
    virtual_limit: int | None = None
    capabilities: tuple[str, ...] = ()


class Observed(Local, frozen=True, kw_only=True, tag="observed"):
    """A look at the pod, and the copies under way at that moment."""

    boot: str
    inventory: Inventory
    datastores: tuple[Datastore, ...]
    dead_letters: int
    working: tuple[str, ...] = ()


class Forget(Local, frozen=True, kw_only=True, tag="forget"):
    """No message about ``id`` can be on its way any more."""

    id: str


LOCAL: TypeAlias = (
    ImportDone
    | ImportBegun
    | ImportStepped
    | ImportInspected
    | ImportRejected
    | CopyArrived
    | CopyDone
    | CopyRejected
    | CopyContinued
    | Corrupted
    | Removed
    | Released
    | PoolSeen
    | PoolForgotten
    | Started
    | Observed
    | Forget
)
