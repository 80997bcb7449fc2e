"""Adding to a placement what a policy wants (features.md C12)."""

from collections.abc import Iterator

from contracts.names import copy_id
from contracts.terms import Policy
from replicator.config import Config
from replicator.documents import COPY, PLACEMENT, POD, POLICY, ROSTER, SHELF
from replicator.domain.copy import Available, Skipped, underway
from replicator.domain.eligibility import Case, unfit
from replicator.domain.placement import Placement, Roster
from replicator.domain.pod import accepts
from replicator.domain.policy import heeded, policy_id, selectable
from replicator.domain.shelf import newest
from replicator.domain.tenancy import for_tenant, usable
from replicator.editing import add_targets, target_keys
from replicator.messages import PlaceByPolicy
from runtime.work import Get, Message, Ref, Work


def place_keys(message: Message[PlaceByPolicy], get: Get) -> Iterator[Ref]:
    """The placement, the pods, and what is on them; of those that lack it, all that planning needs."""
    order = message.body
    yield PLACEMENT(order.version)
    yield ROSTER(order.version)
    yield POLICY.every
    placement, roster = get(PLACEMENT, order.version), get(ROSTER, order.version)
    if placement is None or roster is None:
        return
    yield SHELF(placement.image)
    yield POD(placement.source)
    named = get(POLICY, policy_id(placement.tenant, order.policy))
    if named is None or named.body is None:
        return
    names = _candidates(order, placement, roster, named.body.replicas)
    for name in names:
        yield POD(name)
        for replica in range(roster.known.get(name, 0)):
            yield COPY(copy_id(order.version, name, replica))
    lacking = [name for name in names if _short(get, order.version, name, roster, named.body.replicas)]
    if lacking:
        yield from target_keys(order.version, lacking, get)


def _candidates(order: PlaceByPolicy, placement: Placement, roster: Roster, replicas: int) -> list[str]:
    """The pods that may lack the version, as far as the roster tells; of a SKIPPED copy only its document does."""
    return [
        name
        for name in order.pods
        if name not in roster.removed and (placement.skipped or len(roster.wanted.get(name, ())) < replicas)
    ]


def _short(get: Get, version: str, name: str, roster: Roster, replicas: int) -> bool:
    wanted = roster.wanted.get(name, ())
    skipped = (isinstance(get(COPY, copy_id(version, name, replica)), Skipped) for replica in wanted)
    return len(wanted) < replicas or any(skipped)


def place(message: Message[PlaceByPolicy], work: Work, config: Config) -> None:
    """Add the pods that lack the version, as far as they can have it and the policy still wants it there.

    A pod that cannot is left alone instead of being SKIPPED: what it can is looked at again when it says something
    new. A copy that was SKIPPED when it was published is planned as soon as the pod can have it. Where a person took
    the version away from a pod, it stays away until a person wants it there again.
    """
    order = message.body
    placement, roster = work.get(PLACEMENT, order.version), work.get(ROSTER, order.version)
    if placement is None or roster is None or placement.state != "LIVE" or placement.shallow or placement.rolling:
        return
    policies = heeded((one for _, one in work.every(POLICY)), placement.tenant, placement.image)
    policy, shelf = dict(policies).get(order.policy), work.get(SHELF, placement.image)
    if policy is None or shelf is None or order.version not in newest(shelf, policy.versions):
        return
    case = Case(
        manifest=placement.manifest, terms=placement.terms, rules=config.rules, policies=policies,
        source=work.get(POD, placement.source),
    )  # fmt: skip
    names = _candidates(order, placement, roster, policy.replicas)
    found = {name: policy.replicas for name in names if _lacks(work, roster, placement, policy, case, name)}
    if found:
        add_targets(work, config, placement, found, why=f"policy {order.policy}")


def _lacks(work: Work, roster: Roster, placement: Placement, policy: Policy, case: Case, name: str) -> bool:
    pod = work.get(POD, name)
    if pod is None or not accepts(pod) or not policy.selector.matches(selectable(pod)):
        return False
    if not placement.public and not usable(pod, for_tenant(placement.tenant, placement.principals)):
        return False
    if not _short(work.get, placement.version, name, roster, policy.replicas):
        return False
    held: dict[int, str | None] = {}
    for replica in range(roster.known.get(name, 0)):
        copy = work.get(COPY, copy_id(placement.version, name, replica))
        if copy is not None and (isinstance(copy, Available) or underway(copy)):
            held[replica] = copy.datastore
    return not unfit(pod, policy.replicas, case, held)
