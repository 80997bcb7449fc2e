"""Users and service accounts of a tenant, and who the caller is."""

from typing import Any

from litestar import Request, Response, delete, get, put
from litestar.params import FromPath, RawBody

from contracts.requests import Actor, Done, DropUser, IdentityView, ListUsers, PersonPage, SetUser
from contracts.views import PersonView
from gateway import identity
from gateway.answers import Cursor, Key, Limit, does, reads, writes
from gateway.bodies import UserToSet, read
from gateway.door import Services, answer, done, user_in
from gateway.routes.galleries import Tenant
from gateway.shapes import shape

TAGS = ["people"]
PATH = "/v1/users/{user:str}"


@get(
    "/v1/whoami",
    operation_id="whoami",
    summary="Show who asks",
    tags=TAGS,
    responses=reads(shape(IdentityView), "Who the token that came with the request stands for."),
)
async def whoami(door: Services, request: Request[Any, Any, Any]) -> Response[bytes]:
    """The caller's tenant, name and roles, and everything that he is to those who share; `until` is when the token
    ends."""
    until = door.identities.ends(identity.token_in(list(request.scope["headers"])))
    return answer(_identity(door.actor(request), until))


@get(
    "/v1/users",
    operation_id="list_tenant_users",
    summary="List users and service accounts",
    tags=TAGS,
    responses=reads(shape(PersonPage), "A page of users, by name.", "tenant_not_found"),
)
async def list_tenant_users(
    door: Services, request: Request[Any, Any, Any], tenant: Tenant = None, limit: Limit = 100, cursor: Cursor = None
) -> Response[bytes]:
    """For owners: the users and service accounts of the caller's tenant, and what they may do."""
    asked = ListUsers(actor=door.actor(request), tenant=tenant, limit=limit, cursor=cursor)
    return answer(await door.ask(asked, PersonPage))


@put(
    PATH,
    operation_id="set_user",
    summary="Set a user or a service account",
    tags=TAGS,
    responses=writes(
        200, shape(PersonView), "The user.", "user_not_found", "tenant_not_found", "roles_exceeded",
        "property_change_not_allowed", "user_ending",
    ),
)  # fmt: skip
async def set_user(
    door: Services,
    request: Request[Any, Any, Any],
    user: FromPath[str],
    body: RawBody,
    tenant: Tenant = None,
    key: Key = None,
) -> Response[bytes]:
    """For owners: make a user or a service account, or say anew what it may do; that holds at once, also for its
    tokens."""
    data = read(UserToSet, body)
    return answer(
        await door.ask(door.order(SetUser, request, key, data, name=user_in(user), tenant=tenant), PersonView)
    )


@delete(
    PATH,
    operation_id="drop_user",
    summary="Delete a user or a service account",
    tags=TAGS,
    status_code=204,
    responses=does("It is gone, and its tokens with it.", "user_not_found", "tenant_not_found", "roles_exceeded"),
)
async def drop_user(
    door: Services, request: Request[Any, Any, Any], user: FromPath[str], tenant: Tenant = None, key: Key = None
) -> Response[None]:
    """For owners: delete a user or a service account with its tokens, and with what it was granted by name: whoever
    gets the name later is somebody else."""
    await door.ask(door.order(DropUser, request, key, name=user_in(user), tenant=tenant), Done)
    return done()


def _identity(actor: Actor, until: Any) -> IdentityView:
    principals = actor.all
    accounts = [one.removeprefix("account:") for one in principals if one.startswith("account:")]
    units = [one.removeprefix("org:") for one in principals if one.startswith("org:")]
    return IdentityView(
        tenant=actor.tenant,
        name=actor.name,
        kind=actor.kind,
        roles=actor.roles,
        principals=principals,
        account=accounts[0] if accounts else "",
        unit=max(units, key=len, default=""),
        until=until,
        bounded=actor.bounded,
    )


HANDLERS = (whoami, list_tenant_users, set_user, drop_user)
