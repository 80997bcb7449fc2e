"""Reactions to the commands about namespaces: property schemas and predefined tags (features.md A15)."""

from collections.abc import Iterator

import msgspec

from catalog.documents import DEFINED, NAMESPACE, namespace_key
from catalog.domain import schema
from catalog.domain.patching import objection_to_revision
from catalog.domain.revision import following
from catalog.domain.schema import NOTHING, KeptNamespace
from catalog.views import namespace_view
from contracts.errors import Problem
from contracts.requests import Done, DropNamespace, SetNamespace
from contracts.views import NamespaceView
from runtime.work import Get, Message, Reaction, Ref, Work


def reactions() -> dict[type, Reaction]:
    """The reactions about namespaces."""
    return {SetNamespace: Reaction(_set_keys, _on_set), DropNamespace: Reaction(_drop_keys, _on_drop)}


def _set_keys(message: Message[SetNamespace], _: Get) -> Iterator[Ref]:
    return _refs(message.body.actor.tenant, message.body.namespace.name)


def _drop_keys(message: Message[DropNamespace], _: Get) -> Iterator[Ref]:
    return _refs(message.body.actor.tenant, message.body.name)


def _refs(tenant: str, name: str) -> Iterator[Ref]:
    yield NAMESPACE(namespace_key(tenant, name))
    yield DEFINED(tenant)


def _on_set(message: Message[SetNamespace], work: Work) -> NamespaceView | Problem:
    actor, wanted = message.body.actor, message.body.namespace
    kept = work.get(NAMESPACE, namespace_key(actor.tenant, wanted.name))
    before, revision = (None, 0) if kept is None else (kept.namespace, kept.revision)
    defined = work.get(DEFINED, actor.tenant) or NOTHING
    problem = schema.objection_to_namespace(wanted, before, defined, operator=actor.operator) or objection_to_revision(
        message.body.revision, revision
    )
    if problem is not None:
        return problem
    if kept is not None and before == wanted:
        return namespace_view(kept)
    now = KeptNamespace(namespace=wanted, revision=following(revision, defined.highest, work.floor))
    work.put(NAMESPACE, namespace_key(actor.tenant, wanted.name), now)
    work.put(DEFINED, actor.tenant, schema.with_namespace(defined, wanted.name, wanted))
    return namespace_view(now)


def _on_drop(message: Message[DropNamespace], work: Work) -> Done | Problem:
    actor, name = message.body.actor, message.body.name
    kept = work.get(NAMESPACE, namespace_key(actor.tenant, name))
    before, revision = (None, 0) if kept is None else (kept.namespace, kept.revision)
    problem = schema.objection_to_drop(name, before, operator=actor.operator) or objection_to_revision(
        message.body.revision, revision
    )
    if problem is not None:
        return problem
    work.put(NAMESPACE, namespace_key(actor.tenant, name), None)
    defined = schema.with_namespace(work.get(DEFINED, actor.tenant) or NOTHING, name, None)
    work.put(DEFINED, actor.tenant, msgspec.structs.replace(defined, highest=max(defined.highest, revision)))
    return Done()
