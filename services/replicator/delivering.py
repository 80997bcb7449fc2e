"""Reactions to a delivery: copies on pods of a tenant that a version is shared with, or why there are none."""

from collections.abc import Iterator

from contracts.errors import FAILURES, Failure
from contracts.events.hub import DeliveryPlanned, VersionDeliveryRequested
from contracts.names import copy_id
from replicator import deliveries, editing, memberships
from replicator.config import Config
from replicator.documents import COPY, DELIVERIES, MEMBER, PLACEMENT, POD, POLICY, ROSTER
from replicator.domain import delivery
from replicator.domain.delivery import Deliveries
from replicator.domain.editing import closed
from replicator.domain.eligibility import Case, unfit
from replicator.domain.placement import Placement, Roster
from replicator.domain.pod import Removed
from replicator.domain.policy import heeded
from replicator.domain.tenancy import for_tenant, usable
from replicator.messages import DeliverLater, remind_delivery
from replicator.targeting import held
from runtime import access
from runtime.access import ACCESS
from runtime.work import Get, Message, Ref, Work

PATIENCE = 5.0
"""Seconds for which words are awaited that a delivery follows from: those of different services may overtake."""


def deliver_keys(message: Message[VersionDeliveryRequested], get: Get) -> Iterator[Ref]:
    """The placement, what the member may do, the pods that are named and their copies."""
    yield from _keys(message.body, get)


def later_keys(message: Message[DeliverLater], get: Get) -> Iterator[Ref]:
    """The same."""
    yield from _keys(message.body.words, get)


def _keys(words: VersionDeliveryRequested, get: Get) -> Iterator[Ref]:
    yield ACCESS(access.image_key(words.image))
    yield DELIVERIES(words.image)
    yield MEMBER(words.member)
    yield POLICY.every
    for pod in words.pods:
        yield POD(pod)
    placement = get(PLACEMENT, words.version)
    if placement is not None:
        yield POD(placement.source)
    yield from editing.target_keys(words.version, words.pods, get)


def deliver(message: Message[VersionDeliveryRequested], work: Work, config: Config) -> None:
    """Add the pods to the placement, as far as the member may use them and they can have the version. What the
    delivery stands on may not have been heard of yet: then it is looked again a little later."""
    words = memberships.current(work, message.body)
    if _refusal(work, words) is not None:
        remind_delivery(work, message.body, PATIENCE)
    else:
        _deliver(work, config, words)


def later(message: Message[DeliverLater], work: Work, config: Config) -> None:
    """Deliver now, or say why not."""
    words = memberships.current(work, message.body.words)
    refusal = _refusal(work, words)
    if refusal is None:
        _deliver(work, config, words)
    else:
        _answer(work, words, (), dict.fromkeys(words.pods, refusal))


def _refusal(work: Work, words: VersionDeliveryRequested) -> Failure | None:
    """Why nothing can be delivered."""
    placement = work.get(PLACEMENT, words.version)
    known = work.get(ACCESS, access.image_key(words.image))
    owner = words.tenant if placement is None else placement.tenant
    if not deliveries.stands(known, owner, words.version, words.member, words.principals):
        return _failure("share_revoked", "the image is not shared with the tenant")
    if placement is None or placement.image != words.image or closed(placement) is not None:
        return _failure("version_not_ready", "the version has no copies at present", "Have its owner publish it.")
    return None


def _failure(code: str, text: str, hint: str = "") -> Failure:
    return Failure(code=code, step="deliver", text=text, hint=hint)


def _deliver(work: Work, config: Config, words: VersionDeliveryRequested) -> None:
    placement, roster = work.get(PLACEMENT, words.version), work.get(ROSTER, words.version) or Roster()
    if placement is None:
        return
    refused = {pod: failure for pod in words.pods if (failure := _unfit(work, config, words, placement, pod))}
    pods = tuple(pod for pod in words.pods if pod not in refused)
    known = work.get(DELIVERIES, words.image) or Deliveries(tenant=placement.tenant)
    others = {pod for one in known.of(words.version).values() for pod in one.pods}
    mine = [pod for pod in pods if pod in others or pod not in roster.wanted]
    now = delivery.requested(known, words, mine)
    if now.by:
        work.put(DELIVERIES, words.image, now)
    if words.member in now.members:
        memberships.note(work, words.member, words.image)
    _answer(work, words, pods, refused)
    editing.add_targets(
        work, config, placement, dict.fromkeys(pods, 1), why="delivery", anew=True, saga=words.delivery
    )  # fmt: skip


def _unfit(
    work: Work, config: Config, words: VersionDeliveryRequested, placement: Placement, name: str
) -> Failure | None:
    """Why the version is not delivered to a pod. One that is not for the member is told as one that is not there."""
    pod = work.get(POD, name)
    if pod is None or isinstance(pod, Removed) or not usable(pod, for_tenant(words.member, words.principals)):
        return _failure("delivery_target", f"{name} is no pod of the tenant's", "List the pods.")
    roster = work.get(ROSTER, words.version) or Roster()
    present = {
        (name, number): copy
        for number in range(roster.known.get(name, 0))
        if (copy := work.get(COPY, copy_id(words.version, name, number))) is not None
    }
    case = Case(
        manifest=placement.manifest, terms=placement.terms, rules=config.rules, source=work.get(POD, placement.source),
        policies=heeded((one for _, one in work.every(POLICY)), placement.tenant, placement.image),
    )  # fmt: skip
    code, _, text = unfit(pod, 1, case, held(present).get(name, {})).partition(": ")
    if not code:
        return None
    return _failure(code if code in FAILURES else "delivery_target", f"pod {name}: {text}", "Choose another pod.")


def _answer(work: Work, words: VersionDeliveryRequested, pods: tuple[str, ...], refused: dict[str, Failure]) -> None:
    planned = DeliveryPlanned(
        delivery=words.delivery, version=words.version, image=words.image, tenant=words.tenant, member=words.member,
        pods=pods, refused=refused,
    )  # fmt: skip
    work.emit(planned, saga=words.delivery)
