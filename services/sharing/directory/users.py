"""Reactions to the commands about users and service accounts."""

from collections.abc import Iterator

import msgspec

from contracts.errors import Problem
from contracts.requests import Done, DropUser, SetUser
from contracts.views import PersonView
from runtime.work import Get, Message, Reaction, Ref, Work
from sharing import held, leavers
from sharing.directory import tenants, tokens
from sharing.directory.bootstrap import Bootstrap
from sharing.directory.documents import KEYRING, PERSON, TENANT, person_key
from sharing.directory.refusals import roles_exceeded, user_not_found
from sharing.directory.standing import tenant_meant
from sharing.directory.views import person_view
from sharing.domain.directory.person import Person, in_order, not_his_to_give


def reactions(bootstrap: Bootstrap) -> dict[type, Reaction]:
    """The reactions about users."""

    def on_set(message: Message[SetUser], work: Work) -> PersonView | Problem:
        return _set(message.body, work, bootstrap)

    return {SetUser: Reaction(_set_keys, on_set, refuses_anew=True), DropUser: Reaction(_drop_keys, _on_drop)}


def _key(command: SetUser | DropUser) -> str:
    return person_key(command.tenant or command.actor.tenant, command.name)


def _set_keys(message: Message[SetUser], _: Get) -> Iterator[Ref]:
    command = message.body
    yield PERSON(_key(command))
    yield from held.refs([_principal(command.kind, _key(command))])
    yield TENANT(command.tenant or command.actor.tenant)


def _drop_keys(message: Message[DropUser], get: Get) -> Iterator[Ref]:
    key = _key(message.body)
    yield PERSON(key)
    yield KEYRING(key)
    yield from tokens.refs_of(key, get)
    person: Person | None = get(PERSON, key)
    if person is not None:
        yield from leavers.refs(_principal(person.kind, key), get)


def _principal(kind: str, key: str) -> str:
    return f"{kind}:{key}"


def _set(command: SetUser, work: Work, bootstrap: Bootstrap) -> PersonView | Problem:
    at = work.message.at
    tenant = tenant_meant(command.actor, command.tenant)
    if isinstance(tenant, Problem):
        return tenant
    key = person_key(tenant, command.name)
    before = work.get(PERSON, key)
    problem = _objection(command, before or bootstrap.person(tenant, command.name, at))
    if problem is None and before is None:
        problem = leavers.unfinished(work, _principal(command.kind, key))
    if problem is not None:
        return problem
    after = Person(
        kind=command.kind,
        roles=in_order(command.roles),
        groups=tuple(sorted(set(command.groups))),
        disabled=command.disabled,
        updated=at,
        revision=1 if before is None else before.revision + 1,
    )
    if before is not None and before == msgspec.structs.replace(
        after, updated=before.updated, revision=before.revision
    ):
        return person_view(tenant, command.name, before)
    tenants.note(work, tenant)
    work.put(PERSON, key, after)
    return person_view(tenant, command.name, after)


def _objection(command: SetUser, before: Person | None) -> Problem | None:
    roles = command.roles if before is None else (*command.roles, *before.roles)
    if exceeding := not_his_to_give(roles, command.actor):
        return roles_exceeded(exceeding, "Give roles that you have yourself; operators and auditors are an operator's.")
    if before is not None and before.kind != command.kind:
        return Problem(
            code="property_change_not_allowed",
            detail=f"{command.name} is a {_WORDS[before.kind]}, and that stays so",
            hint="Choose another name; a user and a service account of one tenant cannot share one.",
            data={"field": "kind"},
        )
    return None


_WORDS = {"user": "user", "service": "service account"}


def _on_drop(message: Message[DropUser], work: Work) -> Done | Problem:
    """Its tokens go with it, and the roles that were granted to it by name: whoever gets the name later is somebody
    else."""
    command = message.body
    tenant = tenant_meant(command.actor, command.tenant)
    if isinstance(tenant, Problem):
        return tenant
    key = person_key(tenant, command.name)
    person = work.get(PERSON, key)
    if person is None:
        return user_not_found(tenant, command.name)
    if exceeding := not_his_to_give(person.roles, command.actor):
        return roles_exceeded(exceeding, "This user may do more than you; ask an operator.")
    tokens.forget_all(work, key)
    leavers.take_back(work, _principal(person.kind, key))
    work.put(PERSON, key, None)
    return Done()
