"""Reactions to what the replicator says about placement policies: a read model of what they forbid."""

from collections.abc import Iterator

from catalog.documents import RULES
from catalog.domain import rules
from catalog.domain.rules import Rules
from contracts.events.hub import PolicyDropped, PolicySet
from runtime.work import Get, Message, Reaction, Ref, Work

PolicyEvent = PolicySet | PolicyDropped


def reactions() -> dict[type, Reaction]:
    """The reactions about policies."""
    reaction = Reaction(_keys, _on_policy)
    return {PolicySet: reaction, PolicyDropped: reaction}


def _keys(message: Message[PolicyEvent], _: Get) -> Iterator[Ref]:
    yield RULES(message.body.tenant)


def _on_policy(message: Message[PolicyEvent], work: Work) -> None:
    event = message.body
    work.saga = ""
    before = work.get(RULES, event.tenant) or Rules()
    after = rules.evolve(before, event)
    if after is not before:
        work.put(RULES, event.tenant, after)
