"""Queries about placement policies."""

from contracts.errors import Problem
from contracts.requests import GetPolicy, ListPolicies, PolicyPage
from contracts.views import PolicyView
from replicator.documents import POD, POLICY
from replicator.domain.policy import no_policy, policy_id
from replicator.domain.tenancy import seen_by
from replicator.policies import matching
from replicator.queries.pages import every, fitting, size
from replicator.views import policy_view
from runtime.store import Reader

PAGE = """
    SELECT body FROM documents WHERE kind = ? AND id > ? AND id < ? AND json_extract(body, '$.body') IS NOT NULL
    ORDER BY id LIMIT ?"""


async def policies(request: ListPolicies, reader: Reader) -> PolicyPage:
    """The tenant's policies by name; the cursor is the last name. Each names the pods that it matches."""
    limit, tenant = size(request.limit), request.actor.tenant
    begin = policy_id(tenant, request.cursor or "")
    end = tenant + chr(ord(".") + 1)
    rows = await reader.rows(PAGE, (POLICY.name, begin, end, limit + 1))
    found = [one for (body,) in rows[:limit] if (one := POLICY.decode(body)).tenant == tenant]
    pods = seen_by(await every(reader, POD), request.actor) if found else {}
    items = fitting([policy_view(one, matching(one, pods)) for one in found])
    more = len(rows) > limit or len(items) < len(found)
    return PolicyPage(items=items, next=items[-1].name if more and items else None)


async def policy(request: GetPolicy, reader: Reader) -> PolicyView | Problem:
    """One policy of the tenant."""
    found = await reader.get(POLICY, policy_id(request.actor.tenant, request.name))
    if found is None or found.body is None or found.tenant != request.actor.tenant:
        return no_policy(request.name)
    return policy_view(found, matching(found, seen_by(await every(reader, POD), request.actor)))
