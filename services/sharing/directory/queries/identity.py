"""Who bears a token. The gateway asks; people never do."""

from datetime import UTC, datetime
from typing import NamedTuple

from contracts.errors import Problem
from contracts.requests import Authenticate, Identify
from contracts.views import IdentityView
from runtime.requests import Query
from runtime.store import Reader
from sharing.directory.bootstrap import Bootstrap
from sharing.directory.documents import ACCOUNT, PERSON, TENANT, TOKEN, person_key
from sharing.domain.directory import identity
from sharing.domain.directory.identity import ADMIN, HOME
from sharing.domain.directory.person import Person
from sharing.domain.directory.tree import Account, Tenant

# One statement: the three are of one moment.
KNOWN = """
    SELECT p.body, t.body, a.body FROM (SELECT ? AS person, ? AS tenant) AS asked
    LEFT JOIN documents AS p ON p.kind = 'person' AND p.id = asked.person
    LEFT JOIN documents AS t ON t.kind = 'tenant' AND t.id = asked.tenant
    LEFT JOIN documents AS a ON a.kind = 'account' AND a.id = t.body ->> '$.account'"""


class Known(NamedTuple):
    """What the directory has on somebody."""

    person: Person | None
    tenant: Tenant | None
    account: Account | None


def authenticate(bootstrap: Bootstrap) -> Query:
    """The query for the bearer of a local token."""

    async def answer(query: Authenticate, reader: Reader) -> IdentityView | Problem:
        if bootstrap.opens(query.digest):
            _, tenant, account = await _known(reader, HOME, ADMIN)
            return identity.local_admin(tenant, account)
        token = await reader.get(TOKEN, query.digest)
        if token is None:
            return unauthenticated()
        person, tenant, account = await _known(reader, token.tenant, token.user)
        person = person or bootstrap.person(token.tenant, token.user, token.created)
        return identity.bearer(token, person, tenant, account, datetime.now(UTC)) or unauthenticated()

    return answer


def identify(bootstrap: Bootstrap) -> Query:
    """The query for somebody whom an issuer vouches for."""

    async def answer(query: Identify, reader: Reader) -> IdentityView | Problem:
        person, tenant, account = await _known(reader, query.tenant, query.name)
        if person is None and bootstrap.person(query.tenant, query.name, datetime.now(UTC)) is not None:
            return unauthenticated()  # the name is the local admin's: no issuer makes another one of it
        return identity.vouched(query, person, tenant, account) or unauthenticated()

    return answer


def unauthenticated() -> Problem:
    """The one refusal of whatever is wrong with a token."""
    return Problem(
        code="unauthenticated",
        detail="the token is not valid",
        hint="Ask with a token that is neither expired nor revoked; an owner of the tenant can make one.",
    )


async def _known(reader: Reader, tenant: str, name: str) -> Known:
    ((person, own, account),) = await reader.rows(KNOWN, (person_key(tenant, name), tenant))
    return Known(
        None if person is None else PERSON.decode(person),
        None if own is None else TENANT.decode(own),
        None if account is None else ACCOUNT.decode(account),
    )
