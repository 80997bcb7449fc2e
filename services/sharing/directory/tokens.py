"""Reactions to the commands about tokens, and what becomes of those that ended."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

import msgspec

from contracts.errors import Problem
from contracts.events.hub import TokenCreated, TokenRevoked
from contracts.principals import Role
from contracts.requests import CreateToken, Done, RevokeToken
from contracts.rights import forbidden
from contracts.views import TokenView
from runtime.work import Get, Local, Message, Reaction, Ref, Work
from sharing.directory.bootstrap import Bootstrap
from sharing.directory.documents import KEYRING, PERSON, TENANT, TOKEN, TOKEN_ID, Told, person_key
from sharing.directory.refusals import roles_exceeded, token_not_found, user_not_found
from sharing.directory.standing import manages, tenant_meant
from sharing.directory.views import token_view
from sharing.domain.directory.person import Person, beyond, common, in_order, not_his_to_give, rights_of
from sharing.domain.directory.token import KEPT, MOST_TOKENS, Key, Keyring, Token, valid


class TokenAged(Local, frozen=True, kw_only=True, tag="token.aged"):
    """A token ended so long ago that nobody needs to see it any more."""

    token: str


def reactions(bootstrap: Bootstrap) -> dict[type, Reaction]:
    """The reactions about tokens."""

    def on_create(message: Message[CreateToken], work: Work) -> TokenView | Problem:
        return _create(message.body, work, bootstrap)

    return {
        CreateToken: Reaction(_create_keys, on_create, refuses_anew=True),
        RevokeToken: Reaction(_keys, _on_revoke),
        TokenAged: Reaction(_keys, _on_aged),
    }


def refs_of(key: str, get: Get) -> Iterator[Ref]:
    """All tokens on the keyring of a `person_key`."""
    yield KEYRING(key)
    ring: Keyring | None = get(KEYRING, key)
    for id, one in () if ring is None else ring.held.items():
        yield TOKEN_ID(id)
        yield TOKEN(one.digest)


def forget_all(work: Work, key: str) -> None:
    """Delete all tokens of a user who is no more: none of them opens anything from now on."""
    ring = work.get(KEYRING, key) or Keyring()
    for one in ring.held.values():
        token = work.get(TOKEN, one.digest)
        if token is not None and valid(token, work.message.at):
            _say_revoked(work, token, token.revision + 1)
    _forget(work, ring, ring.held)
    work.put(KEYRING, key, None)


def _say_revoked(work: Work, token: Token, revision: int) -> None:
    work.emit(TokenRevoked(token=token.id, tenant=token.tenant, user=token.user, revision=revision), saga="")


def _forget(work: Work, ring: Keyring, ids: Iterable[str]) -> None:
    for id in ids:
        work.put(TOKEN, ring.held[id].digest, None)
        work.put(TOKEN_ID, id, None)
        work.forget(_reminder(id))


def _reminder(id: str) -> str:
    return f"token/{id}"


def _create_keys(message: Message[CreateToken], _: Get) -> Iterator[Ref]:
    command = message.body
    tenant, user = command.tenant or command.actor.tenant, command.user or command.actor.name
    yield PERSON(person_key(tenant, user))
    yield KEYRING(person_key(tenant, user))
    yield TENANT(tenant)
    yield TOKEN(command.digest)


def _create(command: CreateToken, work: Work, bootstrap: Bootstrap) -> TokenView | Problem:
    actor, at = command.actor, work.message.at
    tenant = tenant_meant(actor, command.tenant)
    if isinstance(tenant, Problem):
        return tenant
    user = command.user or actor.name
    own = (tenant, user) == (actor.tenant, actor.name)
    if not own and not manages(actor):
        return forbidden("manage", "tenant")
    key = person_key(tenant, user)
    person = work.get(PERSON, key) or bootstrap.person(tenant, user, at)
    if person is None or (own and person.kind != actor.kind):
        return user_not_found(tenant, user)
    roles = _own_roles(command, person) if own else _roles_of_another(command, person)
    if isinstance(roles, Problem):
        return roles
    ring = work.get(KEYRING, key) or Keyring()
    problem = _objection(command, work, ring, bootstrap)
    if problem is not None:
        return problem
    token = Token(
        id=work.new_id(),
        tenant=tenant,
        user=user,
        kind=person.kind,
        roles=roles,
        bounded=bool(command.roles) or actor.bounded,
        created=at,
        until=at + timedelta(hours=command.hours),
        description=command.description,
    )
    work.put(TOKEN, command.digest, token)
    work.put(TOKEN_ID, token.id, Told(digest=command.digest))
    work.put(KEYRING, key, ring.with_key(token.id, Key(digest=command.digest, until=token.until)))
    work.remind(_reminder(token.id), token.until + KEPT, TokenAged(token=token.id))
    created = TokenCreated(token=token.id, tenant=tenant, user=user, until=token.until, revision=token.revision)
    work.emit(created, saga="")
    return token_view(token)


def _own_roles(command: CreateToken, person: Person) -> tuple[Role, ...] | Problem:
    """What a token for oneself may do: no more than the user may, nor than the token that it is asked with."""
    mine = common(person.roles, command.actor.roles)
    if exceeding := beyond(command.roles, rights_of(mine)):
        return roles_exceeded(exceeding, "Ask for roles that you have, and that the token has which you ask with.")
    return in_order(command.roles) or mine


def _roles_of_another(command: CreateToken, person: Person) -> tuple[Role, ...] | Problem:
    """What a token may do that is made for somebody: whoever makes it can use it too, so no more than its maker may."""
    roles = in_order(command.roles) or person.roles
    if exceeding := beyond(roles, rights_of(person.roles)):
        return roles_exceeded(exceeding, "Ask for roles that the user has, or give him more first.")
    if exceeding := not_his_to_give(roles, command.actor):
        return roles_exceeded(exceeding, "Ask for roles that you have yourself; the user can make his own tokens.")
    return roles


def _objection(command: CreateToken, work: Work, ring: Keyring, bootstrap: Bootstrap) -> Problem | None:
    if ring.valid(work.message.at) >= MOST_TOKENS:
        return Problem(
            code="token_limit",
            detail=f"the user has {MOST_TOKENS} valid tokens",
            hint="Revoke those that nobody needs any more.",
            data={"limit": MOST_TOKENS},
        )
    if bootstrap.opens(command.digest) or work.get(TOKEN, command.digest) is not None:
        return Problem(
            code="validation_failed",
            detail="this digest is another token's",
            hint="Make a new secret of 32 random bytes for each token.",
            data={"field": "digest"},
        )
    return None


def _keys(message: Message[RevokeToken | TokenAged], get: Get) -> Iterator[Ref]:
    yield TOKEN_ID(message.body.token)
    told: Told | None = get(TOKEN_ID, message.body.token)
    if told is None:
        return
    yield TOKEN(told.digest)
    token: Token | None = get(TOKEN, told.digest)
    if token is not None:
        yield KEYRING(person_key(token.tenant, token.user))


def _found(work: Work, id: str) -> tuple[str, Token] | None:
    """A token with its digest."""
    told = work.get(TOKEN_ID, id)
    token = None if told is None else work.get(TOKEN, told.digest)
    return None if told is None or token is None else (told.digest, token)


def _on_revoke(message: Message[RevokeToken], work: Work) -> Done | Problem:
    command, actor = message.body, message.body.actor
    tenant = tenant_meant(actor, command.tenant)
    if isinstance(tenant, Problem):
        return tenant
    found = _found(work, command.token)
    if found is None or found[1].tenant != tenant:
        return token_not_found(command.token)
    digest, token = found
    own = (token.tenant, token.user, token.kind) == (actor.tenant, actor.name, actor.kind)
    if not own and not manages(actor):
        return token_not_found(command.token)
    if token.revoked is not None:
        return Done()
    key = person_key(token.tenant, token.user)
    ring = (work.get(KEYRING, key) or Keyring()).with_key(token.id, Key(digest=digest, until=token.until, revoked=True))
    work.put(TOKEN, digest, msgspec.structs.replace(token, revoked=message.at, revision=token.revision + 1))
    work.remind(_reminder(token.id), message.at + KEPT, TokenAged(token=token.id))
    _say_revoked(work, token, token.revision + 1)
    old = ring.too_many_revoked
    _forget(work, ring, old)
    work.put(KEYRING, key, ring.without(old))
    return Done()


def _on_aged(message: Message[TokenAged], work: Work) -> None:
    found = _found(work, message.body.token)
    if found is None:
        return
    digest, token = found
    key = person_key(token.tenant, token.user)
    ring = (work.get(KEYRING, key) or Keyring()).without(frozenset((token.id,)))
    work.put(TOKEN, digest, None)
    work.put(TOKEN_ID, token.id, None)
    work.put(KEYRING, key, ring if ring.held else None)
