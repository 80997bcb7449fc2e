"""Users, service accounts and tokens as their owners read them."""

from contracts.errors import Problem
from contracts.requests import ListTokens, ListUsers, PersonPage, TokenPage
from contracts.rights import forbidden
from runtime.store import Reader
from sharing.directory.documents import PERSON, TOKEN, person_key
from sharing.directory.queries.paging import asked, cut
from sharing.directory.standing import manages, tenant_meant
from sharing.directory.views import person_view, token_view

# What is of one tenant has ids between "<tenant>/" and "<tenant>0" ("0" is what follows "/").
PERSONS = "SELECT id, body FROM documents WHERE kind = 'person' AND id > ? AND id > ? AND id < ? ORDER BY id LIMIT ?"
# By user, then by age: a token's id sorts by it. Each keyring has a token, and only that of the cursor may have none
# that is meant, so that no more of them are sorted than a page can need.
TOKENS = """
    SELECT ring.id, held.key, token.body FROM (
        SELECT id, body FROM documents WHERE kind = 'keyring' AND id >= ? AND id <= ? ORDER BY id LIMIT ?
    ) AS ring CROSS JOIN json_each(ring.body, '$.held') AS held
    CROSS JOIN documents AS token ON token.kind = 'token' AND token.id = held.value ->> '$.digest'
    WHERE (ring.id, held.key) > (?, ?) ORDER BY ring.id, held.key LIMIT ?"""


async def list_users(query: ListUsers, reader: Reader) -> PersonPage | Problem:
    """The users and service accounts of a tenant, by name."""
    page, tenant = asked(query.limit, query.cursor), tenant_meant(query.actor, query.tenant)
    if isinstance(tenant, Problem):
        return tenant
    if isinstance(page, Problem):
        return page
    bounds = (page.after, f"{tenant}/", f"{tenant}0")
    rows = await reader.rows(PERSONS, (*bounds, page.limit + 1))
    found = [(id, person_view(tenant, id.partition("/")[2], PERSON.decode(body))) for id, body in rows]
    items, next = cut(found, page.limit)
    return PersonPage(items=items, next=next)


async def list_tokens(query: ListTokens, reader: Reader) -> TokenPage | Problem:
    """One's own tokens; of somebody else, or of a whole tenant, only to whoever looks after its users."""
    actor = query.actor
    page, tenant = asked(query.limit, query.cursor), tenant_meant(actor, query.tenant)
    if isinstance(tenant, Problem):
        return tenant
    if isinstance(page, Problem):
        return page
    user = query.user
    if not manages(actor):
        if user not in (None, actor.name):
            return forbidden("manage", "tenant")
        user = actor.name
    first, last = (f"{tenant}/", f"{tenant}0") if user is None else (person_key(tenant, user),) * 2
    ring, _, id = page.after.rpartition("/")
    rows = await reader.rows(TOKENS, (max(first, ring), last, page.limit + 2, ring, id, page.limit + 1))
    found = [(f"{ring}/{id}", token_view(TOKEN.decode(body))) for ring, id, body in rows]
    items, next = cut(found, page.limit)
    return TokenPage(items=items, next=next)
