"""What people see of the directory."""

from contracts.views import AccountView, PersonView, TenantView, TokenView, UnitView
from sharing.domain.directory.person import Person
from sharing.domain.directory.token import Token
from sharing.domain.directory.tree import Account, Tenant, Unit


def unit_view(path: str, unit: Unit) -> UnitView:
    """An organisation or a unit."""
    return UnitView(
        path=path, description=unit.description, units=unit.units, accounts=unit.accounts, revision=unit.revision
    )


def account_view(name: str, account: Account) -> AccountView:
    """An account."""
    return AccountView(
        name=name,
        unit=account.unit,
        description=account.description,
        tenants=account.tenants,
        revision=account.revision,
    )


def tenant_view(name: str, tenant: Tenant | None, account: Account | None) -> TenantView:
    """A tenant with the unit of its account; one that nobody made has the revision 0."""
    if tenant is None:
        return TenantView(name=name, revision=0)
    return TenantView(
        name=name,
        account=tenant.account,
        unit="" if account is None else account.unit,
        description=tenant.description,
        disabled=tenant.disabled,
        created=tenant.created,
        revision=tenant.revision,
    )


def person_view(tenant: str, name: str, person: Person) -> PersonView:
    """A user or a service account."""
    return PersonView(
        tenant=tenant,
        name=name,
        kind=person.kind,
        roles=person.roles,
        groups=person.groups,
        disabled=person.disabled,
        updated=person.updated,
        revision=person.revision,
    )


def token_view(token: Token) -> TokenView:
    """A token, without its secret: nobody here knows it."""
    return TokenView(
        id=token.id,
        tenant=token.tenant,
        user=token.user,
        kind=token.kind,
        roles=token.roles,
        created=token.created,
        until=token.until,
        revoked=token.revoked,
        description=token.description,
        revision=token.revision,
    )
