"""Reactions to the commands about tenants."""

from collections.abc import Iterator

from contracts.errors import Problem
from contracts.requests import SetTenant
from contracts.views import TenantView
from runtime.work import Get, Message, Reaction, Ref, Work
from sharing.directory import accounts
from sharing.directory.documents import ACCOUNT, TENANT
from sharing.directory.refusals import account_not_found
from sharing.directory.saying import say_tenant
from sharing.directory.views import tenant_view
from sharing.domain.directory.tree import Tenant


def reactions() -> dict[type, Reaction]:
    """The reactions about tenants."""
    return {SetTenant: Reaction(_keys, _on_set)}


def note(work: Work, name: str) -> None:
    """Make a tenant of a name that has users or images from now on, unless it is one: so operators see it."""
    if work.get(TENANT, name) is None:
        work.put(TENANT, name, Tenant(created=work.message.at))


def _keys(message: Message[SetTenant], get: Get) -> Iterator[Ref]:
    command = message.body
    yield TENANT(command.name)
    if command.account:
        yield ACCOUNT(command.account)
    tenant: Tenant | None = get(TENANT, command.name)
    if tenant is not None and tenant.account:
        yield ACCOUNT(tenant.account)


def _on_set(message: Message[SetTenant], work: Work) -> TenantView | Problem:
    command = message.body
    account = work.get(ACCOUNT, command.account) if command.account else None
    if command.account and account is None:
        return account_not_found(command.account)
    before = work.get(TENANT, command.name)
    asked = (command.account, command.description, command.disabled)
    if before is not None and (before.account, before.description, before.disabled) == asked:
        return tenant_view(command.name, before, account)
    after = Tenant(
        account=command.account,
        description=command.description,
        disabled=command.disabled,
        created=message.at if before is None else before.created,
        revision=max(0 if before is None else before.revision, work.floor) + 1,
    )
    was = "" if before is None else before.account
    if was != after.account:
        accounts.count(work, was, -1)
        accounts.count(work, after.account, 1)
    work.put(TENANT, command.name, after)
    say_tenant(work, command.name, after, "" if account is None else account.unit)
    return tenant_view(command.name, after, account)
