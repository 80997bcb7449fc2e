"""Reactions to the commands about namespaces: property schemas and predefined tags (features.md A15)."""

from collections.abc import Iterator

from catalog.documents import DEFINED, NAMESPACE, namespace_key
from catalog.domain import schema
from catalog.domain.schema import NOTHING
from catalog.views import namespace_view
from contracts.definition import Namespace
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
    before = work.get(NAMESPACE, namespace_key(actor.tenant, wanted.name))
    defined = work.get(DEFINED, actor.tenant) or NOTHING
    problem = schema.objection_to_namespace(wanted, before, defined, operator=actor.operator)
    if problem is not None:
        return problem
    _keep(work, actor.tenant, wanted.name, wanted)
    return namespace_view(wanted)


def _on_drop(message: Message[DropNamespace], work: Work) -> Done | Problem:
    actor, name = message.body.actor, message.body.name
    before = work.get(NAMESPACE, namespace_key(actor.tenant, name))
    problem = schema.objection_to_drop(name, before, operator=actor.operator)
    if problem is not None:
        return problem
    _keep(work, actor.tenant, name, None)
    return Done()


def _keep(work: Work, tenant: str, name: str, namespace: Namespace | None) -> None:
    defined = work.get(DEFINED, tenant) or NOTHING
    work.put(NAMESPACE, namespace_key(tenant, name), namespace)
    work.put(DEFINED, tenant, schema.with_namespace(defined, name, namespace))
