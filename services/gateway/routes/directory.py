"""Organisations with their units, accounts, tenants: the provider's directory. Everybody reads his own tenant."""

from typing import Annotated, Any

from litestar import Request, Response, delete, get, put
from litestar.params import FromPath, QueryParameter, RawBody

from contracts.names import NAME
from contracts.principals import UNIT
from contracts.requests import (
    AccountPage,
    Done,
    DropAccount,
    DropUnit,
    GetTenant,
    ListAccounts,
    ListTenants,
    ListUnits,
    SetAccount,
    SetTenant,
    SetUnit,
    TenantPage,
    UnitPage,
)
from contracts.views import AccountView, TenantView, UnitView
from gateway.answers import Cursor, Key, Limit, does, reads, writes
from gateway.bodies import DirectoryAccountToSet, TenantToSet, UnitToSet, read
from gateway.door import Services, account_in, answer, done, tenant_in, unit_in
from gateway.shapes import shape

TAGS = ["directory"]
UNITS = "/v1/units/{unit:str}"
ACCOUNTS = "/v1/accounts/{account:str}"
TENANTS = "/v1/tenants/{tenant:str}"
Below = Annotated[
    str | None, QueryParameter(pattern=UNIT, max_length=200, description="Only this one and what is below it.")
]
OfUnit = Annotated[
    str | None, QueryParameter(name="unit", pattern=UNIT, max_length=200, description="Only those of this unit.")
]
OfAccount = Annotated[
    str | None, QueryParameter(name="account", pattern=NAME, max_length=80, description="Only those of this account.")
]


@get(
    "/v1/units",
    operation_id="list_units",
    summary="List organisations and units",
    tags=TAGS,
    responses=reads(shape(UnitPage), "A page of units, by path.", "unit_not_found"),
)
async def list_units(
    door: Services, request: Request[Any, Any, Any], below: Below = None, limit: Limit = 100, cursor: Cursor = None
) -> Response[bytes]:
    """For operators and auditors: organisations, and the units of their trees."""
    return answer(
        await door.ask(ListUnits(actor=door.actor(request), below=below, limit=limit, cursor=cursor), UnitPage)
    )


@put(
    UNITS,
    operation_id="set_unit",
    summary="Set an organisation or a unit",
    tags=TAGS,
    responses=writes(200, shape(UnitView), "The unit.", "unit_not_found"),
)
async def set_unit(
    door: Services, request: Request[Any, Any, Any], unit: FromPath[str], body: RawBody, key: Key = None
) -> Response[bytes]:
    """For operators: make an organisation, or a unit whose parent is there, or say what it is for."""
    data = read(UnitToSet, body) if body else None
    return answer(await door.ask(door.order(SetUnit, request, key, data, path=unit_in(unit)), UnitView))


@delete(
    UNITS,
    operation_id="drop_unit",
    summary="Delete an organisation or a unit",
    tags=TAGS,
    status_code=204,
    responses=does("It is gone.", "unit_not_found", "unit_not_empty"),
)
async def drop_unit(
    door: Services, request: Request[Any, Any, Any], unit: FromPath[str], key: Key = None
) -> Response[None]:
    """For operators: delete a unit that has neither units nor accounts, and that nothing is shared with."""
    await door.ask(door.order(DropUnit, request, key, path=unit_in(unit)), Done)
    return done()


@get(
    "/v1/accounts",
    operation_id="list_accounts",
    summary="List accounts",
    tags=TAGS,
    responses=reads(shape(AccountPage), "A page of accounts, by name.", "unit_not_found"),
)
async def list_accounts(
    door: Services, request: Request[Any, Any, Any], of_unit: OfUnit = None, limit: Limit = 100, cursor: Cursor = None
) -> Response[bytes]:
    """For operators and auditors: accounts, and where they belong."""
    asked = ListAccounts(actor=door.actor(request), unit=of_unit, limit=limit, cursor=cursor)
    return answer(await door.ask(asked, AccountPage))


@put(
    ACCOUNTS,
    operation_id="set_account",
    summary="Set an account",
    tags=TAGS,
    responses=writes(200, shape(AccountView), "The account.", "account_not_found", "unit_not_found"),
)
async def set_account(
    door: Services, request: Request[Any, Any, Any], account: FromPath[str], body: RawBody, key: Key = None
) -> Response[bytes]:
    """For operators: make an account, or move it to another unit. What was shared with the one it leaves, its tenants
    lose at once."""
    data = read(DirectoryAccountToSet, body) if body else None
    return answer(await door.ask(door.order(SetAccount, request, key, data, name=account_in(account)), AccountView))


@delete(
    ACCOUNTS,
    operation_id="drop_account",
    summary="Delete an account",
    tags=TAGS,
    status_code=204,
    responses=does("It is gone.", "account_not_found", "account_not_empty"),
)
async def drop_account(
    door: Services, request: Request[Any, Any, Any], account: FromPath[str], key: Key = None
) -> Response[None]:
    """For operators: delete an account without tenants that nothing is shared with."""
    await door.ask(door.order(DropAccount, request, key, name=account_in(account)), Done)
    return done()


@get(
    "/v1/tenants",
    operation_id="list_tenants",
    summary="List tenants",
    tags=TAGS,
    responses=reads(shape(TenantPage), "A page of tenants, by name.", "account_not_found"),
)
async def list_tenants(
    door: Services,
    request: Request[Any, Any, Any],
    of_account: OfAccount = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """All tenants, to operators and auditors; to others their own."""
    asked = ListTenants(actor=door.actor(request), account=of_account, limit=limit, cursor=cursor)
    return answer(await door.ask(asked, TenantPage))


@get(
    TENANTS,
    operation_id="get_tenant",
    summary="Show a tenant",
    tags=TAGS,
    responses=reads(shape(TenantView), "The tenant.", "tenant_not_found"),
)
async def get_tenant(door: Services, request: Request[Any, Any, Any], tenant: FromPath[str]) -> Response[bytes]:
    """A tenant with the account and the unit that it belongs to."""
    return answer(await door.ask(GetTenant(actor=door.actor(request), name=tenant_in(tenant)), TenantView))


@put(
    TENANTS,
    operation_id="set_tenant",
    summary="Set a tenant",
    tags=TAGS,
    responses=writes(200, shape(TenantView), "The tenant.", "tenant_not_found", "account_not_found"),
)
async def set_tenant(
    door: Services, request: Request[Any, Any, Any], tenant: FromPath[str], body: RawBody, key: Key = None
) -> Response[bytes]:
    """For operators: make a tenant, move it to another account, or let it ask no more. What was shared with the account
    it leaves, it loses at once."""
    data = read(TenantToSet, body) if body else None
    return answer(await door.ask(door.order(SetTenant, request, key, data, name=tenant_in(tenant)), TenantView))


HANDLERS = (
    list_units,
    set_unit,
    drop_unit,
    list_accounts,
    set_account,
    drop_account,
    list_tenants,
    get_tenant,
    set_tenant,
)
