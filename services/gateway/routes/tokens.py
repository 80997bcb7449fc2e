"""Local API tokens. A secret is made here, told once, and kept nowhere: the services know its digest."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.params import FromPath, QueryParameter, RawBody

from contracts.names import NAME
from contracts.requests import CreateToken, Done, ListTokens, RevokeToken, TokenPage
from contracts.views import TokenView
from gateway.answers import Cursor, Key, Limit, does, reads, writes
from gateway.bodies import TokenToMake, read
from gateway.door import Services, answer, done, token_in
from gateway.routes.galleries import Tenant
from gateway.shapes import shape
from runtime.bearer import digest, new_secret

TAGS = ["tokens"]
OfUser = Annotated[
    str | None, QueryParameter(name="user", pattern=NAME, max_length=80, description="Only those of this user.")
]


@get(
    "/v1/tokens",
    operation_id="list_tokens",
    summary="List tokens",
    tags=TAGS,
    responses=reads(shape(TokenPage), "A page of tokens, by user and age.", "tenant_not_found"),
)
async def list_tokens(
    door: Services,
    request: Request[Any, Any, Any],
    of_user: OfUser = None,
    tenant: Tenant = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """The caller's own tokens; to owners those of the tenant. Their secrets are known to nobody."""
    asked = ListTokens(actor=door.actor(request), user=of_user, tenant=tenant, limit=limit, cursor=cursor)
    return answer(await door.ask(asked, TokenPage))


@post(
    "/v1/tokens",
    operation_id="create_token",
    summary="Make a token",
    tags=TAGS,
    responses=writes(
        201, shape(TokenView), "The token with its secret, which is told this once.", "user_not_found",
        "tenant_not_found", "roles_exceeded", "token_limit",
    ),
)  # fmt: skip
async def create_token(
    door: Services, request: Request[Any, Any, Any], body: RawBody, key: Key = None
) -> Response[bytes]:
    """Make a token for the caller, or as an owner for a user of the tenant. A repetition with the same key is refused
    (`idempotency_key_reused`) if the first request took effect: its secret is nowhere to be told again. Then revoke
    that token and make another."""
    secret = new_secret()
    data = read(TokenToMake, body) if body else None
    view = await door.ask(door.order(CreateToken, request, key, data, digest=digest(secret)), TokenView)
    told = msgspec.structs.replace(view, secret=secret)
    return answer(told, 201, {"location": f"/v1/tokens/{view.id}"})


@delete(
    "/v1/tokens/{token:str}",
    operation_id="revoke_token",
    summary="Revoke a token",
    tags=TAGS,
    status_code=204,
    responses=does("It opens nothing any more.", "token_not_found", "tenant_not_found"),
)
async def revoke_token(
    door: Services, request: Request[Any, Any, Any], token: FromPath[str], tenant: Tenant = None, key: Key = None
) -> Response[None]:
    """Revoke a token of one's own, or as an owner one of the tenant's. Within two seconds no door takes it."""
    await door.ask(door.order(RevokeToken, request, key, token=token_in(token), tenant=tenant), Done)
    return done()


HANDLERS = (list_tokens, create_token, revoke_token)
