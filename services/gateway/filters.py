"""Which events a client of the live stream asked for."""

import re
from dataclasses import dataclass, field

import msgspec

from gateway.progress import Report

TYPE = r"^[a-z]+(\.[a-z_]+(\.v[0-9]+)?|\.\*)?$"
"""A type in a filter: ``copy``, ``copy.*``, ``copy.available`` or ``copy.available.v1``; ``progress``."""
PROGRESS = "progress"

_type_name = re.compile(r"[a-z_]+\.[a-z_]+\.v[0-9]+")


class _Body(msgspec.Struct):
    type: str
    image: str = ""
    version: str = ""
    pod: str = ""
    tenant: str = ""
    owner: str = ""
    member: str = ""
    principal: str = ""
    user: str = ""


_decode = msgspec.json.Decoder(_Body).decode


@dataclass(frozen=True, slots=True)
class Facts:
    """What filters look at in an event, and whose it is; empty where the event does not say."""

    type: str
    job: str
    image: str = ""
    version: str = ""
    pod: str = ""
    tenant: str = ""
    owner: str = ""
    member: str = ""
    principal: str = ""
    user: str = ""


def facts(job: str, body: bytes) -> Facts | None:
    """The facts of an event of job ``job``; None when ``body`` is no event."""
    try:
        found = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not _type_name.fullmatch(found.type):
        return None
    return Facts(
        found.type,
        job,
        found.image,
        found.version,
        found.pod,
        found.tenant,
        found.owner,
        found.member,
        found.principal,
        found.user,
    )


@dataclass
class Filter:
    """What a client wants to hear; what is left empty admits everything.

    ``versions`` are those of the image, or the one of the job, as known when the client came; an image's later
    versions are added as they are heard of. Not every event names its image, and progress names neither image nor job.
    """

    types: tuple[str, ...] = ()
    image: str = ""
    version: str = ""
    pod: str = ""
    job: str = ""
    versions: set[str] = field(default_factory=set)

    def admits(self, event: Facts) -> bool:
        """Whether the client asked for this event."""
        if self.image and event.image == self.image and event.version:
            self.versions.add(event.version)
        return (
            self._type(event.type)
            and self.job in ("", event.job)
            and self.version in ("", event.version)
            and self.pod in ("", event.pod)
            and (not self.image or event.image == self.image or event.version in self.versions)
        )

    def follows(self, report: Report) -> bool:
        """Whether the client asked for this report of progress."""
        return (
            self._type(PROGRESS)
            and self.version in ("", report.progress.version)
            and self.pod in ("", report.pod)
            and (not (self.image or self.job) or report.progress.version in self.versions)
        )

    def _type(self, name: str) -> bool:
        if not self.types:
            return True
        return any(name == wanted or name.startswith(f"{wanted}.") for wanted in self.types)


def types(given: list[str]) -> tuple[str, ...]:
    """Types as a filter holds them, from values that may have commas and a trailing ``.*``.

    Raises:
        ValueError: naming the first that is no type.
    """
    found = []
    for name in (part for value in given for part in value.split(",")):
        if len(name) > 64 or not re.fullmatch(TYPE, name):
            raise ValueError(name[:64])
        found.append(name.removesuffix(".*"))
    return tuple(found)
