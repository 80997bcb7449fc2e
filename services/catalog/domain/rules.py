"""The HARD placement policies of a tenant (features.md C12): where an image may not be.

The replicator leaves such pods out of every publish; that a pod was named which is forbidden is refused at once.
"""

from collections.abc import Mapping

import msgspec

from contracts.events.hub import PolicyDropped, PolicySet
from contracts.terms import Selector

UNKNOWN_HERE = "family"
"""What a selector can ask for and only the replicator knows: such a policy is not judged here."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A policy as far as it forbids: ``selector`` is None for one that is SOFT, suspended or dropped."""

    revision: int
    images: tuple[str, ...] = ()
    selector: Selector | None = None


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The policies of a tenant by name."""

    by_name: dict[str, Rule] = {}


def evolve(rules: Rules, event: PolicySet | PolicyDropped) -> Rules:
    """The rules after a word of the replicator; the same object when it is an older one."""
    known = rules.by_name.get(event.name)
    if known is not None and event.revision <= known.revision:
        return rules
    rule = Rule(revision=event.revision)
    if isinstance(event, PolicySet) and event.body.kind == "HARD" and not event.body.suspended:
        rule = Rule(revision=event.revision, images=event.body.images, selector=event.body.selector)
    return Rules(by_name=rules.by_name | {event.name: rule})


def forbidding(rules: Rules | None, image: str, labels: Mapping[str, str]) -> str:
    """The name of a policy that forbids ``image`` on a pod with ``labels``, empty when none does. Each holds for
    itself: of two that select different pods, an image may be on those alone that both select."""
    for name, rule in sorted(({} if rules is None else rules.by_name).items()):
        selector = rule.selector
        if selector is None or UNKNOWN_HERE in selector.labels or (rule.images and image not in rule.images):
            continue
        if not selector.matches(dict(labels)):
            return name
    return ""
