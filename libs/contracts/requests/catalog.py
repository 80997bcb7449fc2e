"""What the catalog is asked: images, versions, publishes, jobs."""

from typing import Literal

import msgspec

from contracts.manifest import Format, Source
from contracts.names import Name, Number, Text
from contracts.requests.base import Command, Request
from contracts.terms import PodNames, Replicas, Targets, Terms


class RegisterImage(Command, frozen=True, kw_only=True, tag="command.catalog.register_image"):
    """Make an image without a version."""

    gallery: Name = "default"
    name: Name
    os_type: Literal["linux", "windows"] = "linux"
    os_state: Literal["generalized", "specialized"] = "generalized"
    generation: Literal["V1", "V2"] = "V1"
    architecture: Literal["x64", "arm64"] = "x64"
    description: Text = ""


class ImportVersion(Command, frozen=True, kw_only=True, tag="command.catalog.import"):
    """Import a source as a version of an image (an id, or ``gallery/name``).

    With ``create`` an image that does not exist yet is registered first, with ``os_type``.
    """

    image: str
    create: bool = False
    os_type: Literal["linux", "windows"] = "linux"
    source: Source
    mode: Literal["clone", "convert"] = "clone"
    file_type: Format | None = None
    number: Number | None = None
    datastore: Name | None = None


class PublishVersion(Command, frozen=True, kw_only=True, tag="command.catalog.publish"):
    """Publish a version: first time, or again (``republish``) for the copies that are not AVAILABLE.

    What is None is the ordinary thing the first time (all pods, one copy on each, `Terms` as they are), and as it was
    the last time when published again; ``more`` names pods beside those (features.md C7). ``deadline`` is in seconds
    from acceptance; a copy that is not AVAILABLE by then is FAILED.
    """

    image: str
    number: str
    again: bool = False
    targets: Targets | None = None
    more: PodNames = ()
    replicas: Replicas | None = None
    deadline: float | None = None
    terms: Terms | None = None


class UnpublishVersion(Command, frozen=True, kw_only=True, tag="command.catalog.unpublish"):
    """Remove every copy of a version; the version and its source stay (features.md C8)."""

    image: str
    number: str


class CancelPublish(Command, frozen=True, kw_only=True, tag="command.catalog.cancel"):
    """Give up the publish under way: what is AVAILABLE stays, the rest is freed."""

    image: str
    number: str


class CancelJob(Command, frozen=True, kw_only=True, tag="command.catalog.cancel_job"):
    """Give up what a job does: of a publish, as `CancelPublish` does; an import in any state before its end."""

    job: str


class Accepted(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="accepted"):
    """A long command was accepted; the job tells the rest."""

    job: str
    image: str
    version: str
    number: str


class ListImages(Request, frozen=True, kw_only=True, tag="query.catalog.images"):
    """Images of the actor's tenant, by gallery and name."""

    gallery: str | None = None
    state: str | None = None
    limit: int = 100
    cursor: str | None = None


class GetImage(Request, frozen=True, kw_only=True, tag="query.catalog.image"):
    """An image by id or ``gallery/name``."""

    image: str


class ListVersions(Request, frozen=True, kw_only=True, tag="query.catalog.versions"):
    """The versions of an image, newest number first."""

    image: str
    state: str | None = None
    limit: int = 100
    cursor: str | None = None


class GetVersion(Request, frozen=True, kw_only=True, tag="query.catalog.version"):
    """A version by number or ``latest``; with ``pod``, latest is among the copies AVAILABLE on that pod."""

    image: str
    number: str
    pod: str | None = None


class ListJobs(Request, frozen=True, kw_only=True, tag="query.catalog.jobs"):
    """Jobs, newest first."""

    state: str | None = None
    kind: str | None = None
    limit: int = 100
    cursor: str | None = None


class GetJob(Request, frozen=True, kw_only=True, tag="query.catalog.job"):
    """A job by id."""

    job: str


class GetTimeline(Request, frozen=True, kw_only=True, tag="query.catalog.timeline"):
    """The events of a job's saga in the order in which the catalog saw them."""

    job: str
    limit: int = 500
    cursor: str | None = None
