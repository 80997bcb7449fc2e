"""The read side of the directory."""

from collections.abc import Mapping

from contracts.requests import (
    Authenticate,
    GetTenant,
    Identify,
    ListAccounts,
    ListTenants,
    ListTokens,
    ListUnits,
    ListUsers,
    Request,
)
from runtime.requests import Query
from sharing.directory.bootstrap import Bootstrap
from sharing.directory.queries.identity import authenticate, identify
from sharing.directory.queries.people import list_tokens, list_users
from sharing.directory.queries.tree import get_tenant, list_accounts, list_tenants, list_units


def queries(bootstrap: Bootstrap) -> Mapping[type[Request], Query]:
    """Every query that the directory answers."""
    return {
        Authenticate: authenticate(bootstrap),
        Identify: identify(bootstrap),
        ListUnits: list_units,
        ListAccounts: list_accounts,
        ListTenants: list_tenants,
        GetTenant: get_tenant,
        ListUsers: list_users,
        ListTokens: list_tokens,
    }
