"""Reactions to placement policies, and what they add to placements (features.md C12).

A sweep looks which of the newest versions of which images a policy wants on which pods, and has that planned piece by
piece (`placing`), so that no message is long at work. Nothing is ever removed for a policy.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import islice

import msgspec

from contracts.errors import Problem
from contracts.events.hub import PolicyDropped, PolicySet
from contracts.requests import Done, DropPolicy, SetPolicy, SuspendPolicy
from contracts.terms import Policy
from contracts.views import PolicyView
from replicator.config import Config
from replicator.documents import JOINED, POD, POLICY, SHELF
from replicator.domain.placement import Placement
from replicator.domain.pod import Pod, accepts
from replicator.domain.policy import NamedPolicy, decide, heeded, no_policy, policy_id, policy_token, selectable
from replicator.domain.revision import next_revision
from replicator.domain.shelf import Joined, Shelf, Shelved, clear, newest, shelve
from replicator.domain.tenancy import seen_by
from replicator.messages import PlaceByPolicy, PodJoined, Sweep
from replicator.views import policy_view
from runtime.work import Get, Message, Ref, Work

UNITS = 50
"""Versions, each for one policy, that one message of a sweep looks at."""
COPIES = 2000
"""Copies that one message of a sweep has looked at, at most, unless that is a single version's: what it sets going is
handled in one go, and nothing else is meanwhile."""
PODS = 200
"""Pods in one message that places a version."""
GATHER = 1.0
"""Seconds for which pods that joined are gathered: a house that starts has all its pods join at once."""
EVERYBODY = "pods"


def change_keys(_: Message[SetPolicy | SuspendPolicy | DropPolicy], __: Get) -> Iterator[Ref]:
    """The tenant's policies; and the pods, of which the view names those that match."""
    yield POLICY.every
    yield POD.every


def change(message: Message[SetPolicy | SuspendPolicy], work: Work, _: Config) -> PolicyView | Problem:
    """Put a policy in force, suspend it or resume it; or refuse and change nothing."""
    command, tenant = message.body, message.body.actor.tenant
    known = work.get(POLICY, policy_id(tenant, command.name))
    if known is not None and known.tenant != tenant:
        return Problem(
            code="policy_invalid", detail="this name cannot be used", hint="Choose a name without dots.",
        )  # fmt: skip
    others = sum(
        one.tenant == tenant and one.name != command.name and one.body is not None for _, one in work.every(POLICY)
    )
    found = decide(known, command, others, message.at, work.floor)
    if isinstance(found, Problem):
        return found
    if found is not known and found.body is not None:
        id = policy_id(tenant, found.name)
        work.put(POLICY, id, found)
        said = PolicySet(
            policy=policy_token(tenant, found.name),
            tenant=tenant,
            name=found.name,
            body=found.body,
            revision=found.revision,
        )
        work.emit(said, saga="")
        _sweep(work, tenant, None if known is None else known.body, found.body)
    return policy_view(found, matching(found, seen_by(dict(work.every(POD)), command.actor)))


def drop(message: Message[DropPolicy], work: Work, _: Config) -> Done | Problem:
    """A policy is no more. Its name is remembered, so that a policy set anew goes on counting revisions."""
    tenant, name = message.body.actor.tenant, message.body.name
    id = policy_id(tenant, name)
    known = work.get(POLICY, id)
    if known is None or known.body is None or known.tenant != tenant:
        return no_policy(name)
    revision = next_revision(known.revision, work.floor)
    work.put(POLICY, id, NamedPolicy(tenant=tenant, name=name, body=None, revision=revision, updated=message.at))
    work.emit(PolicyDropped(policy=policy_token(tenant, name), tenant=tenant, name=name, revision=revision), saga="")
    _sweep(work, tenant, known.body, None)
    return Done()


def _sweep(work: Work, tenant: str, before: Policy | None, after: Policy | None) -> None:
    """Look again at the images that the policy was about and is about: what a HARD one forbade, others may want."""
    about = [one.images for one in (before, after) if one is not None]
    images = tuple(sorted({image for named in about for image in named})) if all(about) else ()
    work.remind(f"sweep:{work.new_id()}", work.message.at, Sweep(tenant=tenant, images=images), saga="")


def matching(policy: NamedPolicy, pods: Mapping[str, Pod]) -> tuple[str, ...]:
    """The pods that a policy selects and that accept what is new, by name."""
    body = policy.body
    if body is None:
        return ()
    return tuple(name for name, pod in sorted(pods.items()) if accepts(pod) and body.selector.matches(selectable(pod)))


# --- what sets a sweep going ------------------------------------------------------------------------------------------


def published_keys(image: str, _: str) -> Iterator[Ref]:
    """What `published` needs."""
    yield SHELF(image)


def published(work: Work, _: Config, placement: Placement) -> None:
    """A placement is live, or not any more: the image's newest versions may be others now.

    A shallow one is for its source pod alone, policies have nothing to add to it.
    """
    before = work.get(SHELF, placement.image)
    shelf = before or Shelf(tenant=placement.tenant)
    if placement.state == "LIVE" and not placement.shallow:
        dark = placement.terms.exclude_from_latest
        shelf = shelve(shelf, Shelved(version=placement.version, number=placement.number, dark=dark))
    else:
        shelf = clear(shelf, placement.version)
    if shelf.versions:
        work.remind(f"sweep:image:{placement.image}", work.message.at, Sweep(images=(placement.image,)), saga="")
    if shelf != before:
        work.put(SHELF, placement.image, shelf if shelf.versions else None)


def joined(work: Work, pod: str) -> None:
    """A pod enrolled, was relabelled or readmitted, or said anew what it can hold: it may be one that policies want."""
    work.remind(f"joined:{pod}", work.message.at, PodJoined(pod=pod), saga="")


def gather_keys(_: Message[PodJoined], __: Get) -> Iterator[Ref]:
    """The pods that joined lately, and whether there are policies at all."""
    yield JOINED(EVERYBODY)
    yield POLICY.every


def gather(message: Message[PodJoined], work: Work, _: Config) -> None:
    """Have the pod swept with all that join at about the same time."""
    if all(one.body is None for _, one in work.every(POLICY)):
        return
    known = work.get(JOINED, EVERYBODY) or Joined()
    if not known.pods:
        due = message.at + timedelta(seconds=GATHER)
        work.remind("sweep:pods", due, Sweep(gathered=True, needed=True), saga="")
    if message.body.pod not in known.pods:
        work.put(JOINED, EVERYBODY, Joined(pods=(*known.pods, message.body.pod)))


# --- the sweep --------------------------------------------------------------------------------------------------------


def sweep_keys(message: Message[Sweep], get: Get) -> Iterator[Ref]:
    """All policies; the shelves and the pods that it goes through."""
    order = message.body
    yield POLICY.every
    if order.images:
        yield from (SHELF(image) for image in order.images)
    else:
        yield SHELF.every
    if not order.needed:
        return
    pods = order.pods
    if order.gathered:
        yield JOINED(EVERYBODY)
        found = get(JOINED, EVERYBODY)
        pods = found.pods if found is not None else ()
        yield from (POD(name) for name in pods)
    elif pods:
        yield from (POD(name) for name in pods)
    else:
        yield POD.every


def sweep(message: Message[Sweep], work: Work, _: Config) -> None:
    """Have the next few versions placed where policies want them, and go on with the rest in another message."""
    order = message.body
    policies = [one for _, one in work.every(POLICY)]
    if not order.needed:
        if any(_units(order, work, policies)):
            work.remind(f"sweep:{work.new_id()}", message.at, msgspec.structs.replace(order, needed=True), saga="")
        return
    pods = _pods(order, work)
    if order.gathered:
        work.put(JOINED, EVERYBODY, None)
    if not pods:
        return
    most = min(UNITS, max(COPIES // len(pods), 1))
    units = list(islice(_units(order, work, policies), most + 1))
    where: dict[tuple[str, str], tuple[str, ...]] = {}
    for tenant, (__, policy, version) in units[:most]:
        key = (tenant, policy)
        if key not in where:
            named = work.get(POLICY, policy_id(tenant, policy))
            where[key] = () if named is None else matching(named, pods)
        names = where[key]
        for start in range(0, len(names), PODS):
            body = PlaceByPolicy(version=version, policy=policy, pods=names[start : start + PODS])
            work.remind(f"policy:{work.new_id()}", message.at, body, saga="")
    if len(units) > most:
        left = tuple(pods) if order.gathered else order.pods
        rest = msgspec.structs.replace(order, gathered=False, pods=left, after=units[most - 1][1])
        work.remind(f"sweep:{work.new_id()}", message.at, rest, saga="")


def _pods(order: Sweep, work: Work) -> dict[str, Pod]:
    """The pods that are looked at."""
    names = order.pods
    if order.gathered:
        found = work.get(JOINED, EVERYBODY)
        names = () if found is None else found.pods
    elif not names:
        return dict(work.every(POD))
    known = ((name, work.get(POD, name)) for name in names)
    return {name: pod for name, pod in known if pod is not None}


def _units(order: Sweep, work: Work, policies: list[NamedPolicy]) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """What is to be placed, in order, from where the sweep stands: the tenant, and (image, policy, version)."""
    shelves = {image: work.get(SHELF, image) for image in order.images} if order.images else dict(work.every(SHELF))
    for image, shelf in sorted(shelves.items()):
        if shelf is None or (order.tenant and shelf.tenant != order.tenant) or image < order.after[0]:
            continue
        heed = heeded(policies, shelf.tenant, image)
        units = sorted((image, name, version) for name, one in heed for version in newest(shelf, one.versions))
        yield from ((shelf.tenant, unit) for unit in units if unit > order.after)
