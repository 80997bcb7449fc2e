"""Who is who: organisations and units, accounts, tenants, users, tokens."""

from collections.abc import AsyncIterator, Iterable
from typing import Any

from contracts.requests import (
    AccountPage,
    AuditPage,
    IdentityView,
    PersonPage,
    TenantPage,
    TokenPage,
    UnitPage,
)
from contracts.views import AccountView, PersonView, TenantView, TokenView, UnitView
from imprint.client.connection import Connection
from imprint.client.paths import segment


class Directory(Connection):
    """What the client does with who is who. ``tenant`` is for operators: without it the caller's own is meant."""

    async def whoami(self) -> IdentityView:
        """Who the caller is."""
        return await self._get("/v1/whoami", IdentityView)

    async def units(self, below: str | None = None) -> list[UnitView]:
        """Organisations and units, by path; with ``below`` that one and what is below it."""
        return await self._all("/v1/units", UnitPage, below=below)

    async def set_unit(self, path: str, description: str = "") -> UnitView:
        """Make an organisation, or a unit whose parent is there, or say what it is for."""
        return await self._write("PUT", _path("units", path), {"description": description}, UnitView)

    async def drop_unit(self, path: str) -> None:
        """Delete a unit that has neither units nor accounts."""
        await self._command("DELETE", _path("units", path))

    async def accounts(self, unit: str | None = None) -> list[AccountView]:
        """Accounts, by name."""
        return await self._all("/v1/accounts", AccountPage, unit=unit)

    async def set_account(self, name: str, *, unit: str = "", description: str = "") -> AccountView:
        """Make an account, or say anew where it belongs and what it is for."""
        body = {"unit": unit, "description": description}
        return await self._write("PUT", _path("accounts", name), body, AccountView)

    async def drop_account(self, name: str) -> None:
        """Delete an account without tenants."""
        await self._command("DELETE", _path("accounts", name))

    async def tenants(self, account: str | None = None) -> list[TenantView]:
        """Tenants, by name; to others than operators and auditors their own."""
        return await self._all("/v1/tenants", TenantPage, account=account)

    async def tenant(self, name: str) -> TenantView:
        """A tenant with the account and the unit that it belongs to."""
        return await self._get(_path("tenants", name), TenantView)

    async def set_tenant(
        self, name: str, *, account: str = "", description: str = "", disabled: bool = False
    ) -> TenantView:
        """Make a tenant, or say anew whose it is, what it is for, and whether it may ask."""
        body = {"account": account, "description": description, "disabled": disabled}
        return await self._write("PUT", _path("tenants", name), body, TenantView)

    async def tenant_users(self, tenant: str | None = None) -> list[PersonView]:
        """The users and service accounts of a tenant, by name."""
        return await self._all("/v1/users", PersonPage, tenant=tenant)

    async def set_user(
        self,
        name: str,
        *,
        kind: str = "user",
        roles: Iterable[str] = (),
        groups: Iterable[str] = (),
        disabled: bool = False,
        tenant: str | None = None,
    ) -> PersonView:
        """Make a user or a service account, or say anew what it may do."""
        body = {"kind": kind, "roles": list(roles), "groups": list(groups), "disabled": disabled}
        return await self._write("PUT", _path("users", name), body, PersonView, tenant=tenant)

    async def drop_user(self, name: str, tenant: str | None = None) -> None:
        """Delete a user or a service account, and its tokens."""
        await self._command("DELETE", _path("users", name), tenant=tenant)

    async def tokens(self, user: str | None = None, tenant: str | None = None) -> list[TokenView]:
        """The caller's tokens; to owners those of the tenant. Nobody knows their secrets."""
        return await self._all("/v1/tokens", TokenPage, user=user, tenant=tenant)

    async def create_token(
        self,
        *,
        user: str | None = None,
        roles: Iterable[str] = (),
        hours: float | None = None,
        description: str = "",
        tenant: str | None = None,
    ) -> TokenView:
        """Make a token for the caller, or as an owner for a user; its secret is in this answer only."""
        body: dict[str, Any] = {"user": user, "roles": list(roles), "description": description, "tenant": tenant}
        if hours is not None:
            body["hours"] = hours
        return await self._post("/v1/tokens", body, TokenView)

    async def revoke_token(self, token: str, tenant: str | None = None) -> None:
        """Revoke a token, by its id."""
        await self._command("DELETE", _path("tokens", token), tenant=tenant)

    async def sharing_audit(
        self, about: str | None = None, actor: str | None = None, *, sort: str | None = None
    ) -> AsyncIterator[AuditPage]:
        """The audit log of sharing and of who is who, page by page."""
        cursor: str | None = None
        while True:
            query = {"about": about, "actor": actor, "sort": sort, "limit": "500", "cursor": cursor}
            page = await self._get("/v1/audit/sharing", AuditPage, **query)
            yield page
            cursor = page.next
            if cursor is None:
                return


def _path(what: str, name: str) -> str:
    return f"/v1/{what}/{segment(name)}"
