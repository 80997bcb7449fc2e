"""What the replicator is asked about placements, the desired state of versions, and about policies."""

from typing import Annotated

import msgspec

from contracts.manifest import Manifest
from contracts.names import Name, PodName
from contracts.requests.base import Command, Request
from contracts.terms import MOST_OVERRIDES, Override, PodNames, Policy, Priority, Replicas, Targets, Terms


class GetPlacement(Request, frozen=True, kw_only=True, tag="query.replicator.placement"):
    """What is wanted of a version (by its id), and how it stands."""

    version: str


class PlanPlacement(Request, frozen=True, kw_only=True, tag="query.replicator.plan"):
    """What a publish would do, pod by pod, without doing it; ``deadline`` in seconds from now. Policies about single
    images are heeded when ``image`` is told."""

    version: str
    image: str = ""
    manifest: Manifest
    targets: Targets = Targets()
    replicas: Replicas = 1
    deadline: float | None = None
    terms: Terms = Terms()
    limit: int = 500
    cursor: str | None = None


class EditPlacement(Command, frozen=True, kw_only=True, tag="command.replicator.edit_placement"):
    """Change what is wanted of a published version: targets are added and removed, never replaced (features.md c15).

    What is None stays. An override of None is taken back. With ``revision`` only if that is the placement's (412
    otherwise). Copies on pods that are removed go; added ones come.
    """

    version: str
    add: PodNames = ()
    remove: PodNames = ()
    replicas: Replicas | None = None
    overrides: Annotated[dict[PodName, Override | None], msgspec.Meta(max_length=MOST_OVERRIDES)] = {}
    priority: Priority | None = None
    revision: int | None = None


class PausePlacement(Command, frozen=True, kw_only=True, tag="command.replicator.pause"):
    """Stop making copies of a version and keep what was verified, or (``resume``) go on."""

    version: str
    resume: bool = False


class RemoveCopy(Command, frozen=True, kw_only=True, tag="command.replicator.remove_copy"):
    """Remove one copy: it is no longer wanted, and its bytes go."""

    version: str
    pod: PodName
    replica: int = 0


class RepairCopy(Command, frozen=True, kw_only=True, tag="command.replicator.repair_copy"):
    """Make one copy again that is FAILED, CANCELLED, MISSING, CORRUPT or waits for its next attempt: at once."""

    version: str
    pod: PodName
    replica: int = 0


class ListPolicies(Request, frozen=True, kw_only=True, tag="query.replicator.policies"):
    """The tenant's placement policies by name."""

    limit: int = 100
    cursor: str | None = None


class GetPolicy(Request, frozen=True, kw_only=True, tag="query.replicator.policy"):
    """A placement policy of the tenant by name."""

    name: str


class SetPolicy(Command, frozen=True, kw_only=True, tag="command.replicator.set_policy"):
    """Make or change a placement policy. With ``revision`` only if that is the one in force (412 otherwise; 0: only if
    there is none)."""

    name: Name
    policy: Policy
    revision: int | None = None


class SuspendPolicy(Command, frozen=True, kw_only=True, tag="command.replicator.suspend_policy"):
    """Leave a policy out of account, or (``resume``) heed it again, also for what happened in between."""

    name: Name
    resume: bool = False


class DropPolicy(Command, frozen=True, kw_only=True, tag="command.replicator.drop_policy"):
    """Remove a policy; the copies that it made stay."""

    name: Name
