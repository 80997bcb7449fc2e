"""Organisations, accounts and tenants as operators and auditors read them; everybody reads his own tenant."""

from typing import Any

from contracts.errors import Problem
from contracts.requests import (
    AccountPage,
    GetTenant,
    ListAccounts,
    ListTenants,
    ListUnits,
    TenantPage,
    UnitPage,
)
from contracts.requests.base import Actor
from contracts.views import TenantView
from runtime.store import Reader
from sharing.directory.documents import ACCOUNT, TENANT, UNIT
from sharing.directory.queries.paging import asked, cut
from sharing.directory.refusals import account_not_found, tenant_not_found, unit_not_found
from sharing.directory.views import account_view, tenant_view, unit_view

UNITS = "SELECT id, body FROM documents WHERE kind = 'unit' AND id > ? ORDER BY id LIMIT ?"
# What is below a path has ids between "<path>/" and "<path>0" ("0" is what follows "/").
UNITS_BELOW = """
    SELECT id, body FROM documents WHERE kind = 'unit' AND id > ? AND id >= ? AND id < ? AND (id = ? OR id > ?)
    ORDER BY id LIMIT ?"""
ACCOUNTS = "SELECT id, body FROM documents WHERE kind = 'account' AND id > ? ORDER BY id LIMIT ?"
ACCOUNTS_OF = """
    SELECT id, body FROM documents WHERE kind = 'account' AND body ->> '$.unit' = ? AND id > ? ORDER BY id LIMIT ?"""
TENANTS = """
    SELECT t.id, t.body, a.body FROM documents AS t
    LEFT JOIN documents AS a ON a.kind = 'account' AND a.id = t.body ->> '$.account'
    WHERE t.kind = 'tenant' AND t.id > ? ORDER BY t.id LIMIT ?"""
TENANTS_OF = """
    SELECT id, body FROM documents WHERE kind = 'tenant' AND body ->> '$.account' = ? AND id > ?
    ORDER BY id LIMIT ?"""


async def list_units(query: ListUnits, reader: Reader) -> UnitPage | Problem:
    """Organisations and units by path."""
    page = asked(query.limit, query.cursor)
    if isinstance(page, Problem):
        return page
    top = query.below
    if top is None:
        rows = await reader.rows(UNITS, (page.after, page.limit + 1))
    elif await reader.get(UNIT, top) is None:
        return unit_not_found(top)
    else:
        rows = await reader.rows(UNITS_BELOW, (page.after, top, f"{top}0", top, f"{top}/", page.limit + 1))
    items, next = cut([(path, unit_view(path, UNIT.decode(body))) for path, body in rows], page.limit)
    return UnitPage(items=items, next=next)


async def list_accounts(query: ListAccounts, reader: Reader) -> AccountPage | Problem:
    """Accounts by name."""
    page = asked(query.limit, query.cursor)
    if isinstance(page, Problem):
        return page
    if query.unit is None:
        rows = await reader.rows(ACCOUNTS, (page.after, page.limit + 1))
    elif await reader.get(UNIT, query.unit) is None:
        return unit_not_found(query.unit)
    else:
        rows = await reader.rows(ACCOUNTS_OF, (query.unit, page.after, page.limit + 1))
    items, next = cut([(name, account_view(name, ACCOUNT.decode(body))) for name, body in rows], page.limit)
    return AccountPage(items=items, next=next)


async def list_tenants(query: ListTenants, reader: Reader) -> TenantPage | Problem:
    """Tenants by name; to whoever sees no others, his own."""
    page = asked(query.limit, query.cursor)
    if isinstance(page, Problem):
        return page
    if not _sees_all(query.actor):
        own = await _tenant(query.actor.tenant, reader)
        there = query.account is None or query.account == own.account
        return TenantPage(items=(own,) if there and own.name > page.after else ())
    if query.account is None:
        rows = await reader.rows(TENANTS, (page.after, page.limit + 1))
        items, next = cut([(row[0], _view(*row)) for row in rows], page.limit)
        return TenantPage(items=items, next=next)
    account = await reader.get(ACCOUNT, query.account)
    if account is None:
        return account_not_found(query.account)
    rows = await reader.rows(TENANTS_OF, (query.account, page.after, page.limit + 1))
    found = [(name, tenant_view(name, TENANT.decode(body), account)) for name, body in rows]
    items, next = cut(found, page.limit)
    return TenantPage(items=items, next=next)


async def get_tenant(query: GetTenant, reader: Reader) -> TenantView | Problem:
    """One tenant. One's own is there, whether anybody made it or not."""
    if query.name == query.actor.tenant:
        return await _tenant(query.name, reader)
    if not _sees_all(query.actor) or await reader.get(TENANT, query.name) is None:
        return tenant_not_found(query.name)
    return await _tenant(query.name, reader)


def _sees_all(actor: Actor) -> bool:
    return "audit" in actor.rights


async def _tenant(name: str, reader: Reader) -> TenantView:
    tenant = await reader.get(TENANT, name)
    if tenant is None or not tenant.account:
        return tenant_view(name, tenant, None)
    account = await reader.get(ACCOUNT, tenant.account)
    return tenant_view(name, tenant, account)


def _view(name: str, tenant: Any, account: Any) -> TenantView:
    return tenant_view(name, TENANT.decode(tenant), None if account is None else ACCOUNT.decode(account))
