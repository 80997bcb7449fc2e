"""Reactions to the commands about accounts."""

from collections.abc import Iterator

import msgspec

from contracts.errors import Problem
from contracts.requests import Done, DropAccount, SetAccount
from contracts.views import AccountView
from runtime.work import Get, Message, Reaction, Ref, Work
from sharing import held
from sharing.directory import units
from sharing.directory.documents import ACCOUNT, TENANT, UNIT
from sharing.directory.refusals import account_not_found, unit_not_found
from sharing.directory.saying import say_tenant
from sharing.directory.views import account_view
from sharing.domain.directory.tree import Account


def reactions() -> dict[type, Reaction]:
    """The reactions about accounts."""
    return {SetAccount: Reaction(_keys, _on_set), DropAccount: Reaction(_keys, _on_drop, refuses_anew=True)}


def count(work: Work, name: str, change: int) -> None:
    """Add to the tenants of an account; empty is no account."""
    account = work.get(ACCOUNT, name) if name else None
    if account is not None:
        work.put(ACCOUNT, name, msgspec.structs.replace(account, tenants=account.tenants + change))


def _keys(message: Message[SetAccount | DropAccount], get: Get) -> Iterator[Ref]:
    command = message.body
    yield ACCOUNT(command.name)
    yield from held.refs([f"account:{command.name}"])
    if isinstance(command, SetAccount) and command.unit:
        yield UNIT(command.unit)
    account: Account | None = get(ACCOUNT, command.name)
    if account is not None and account.unit:
        yield UNIT(account.unit)
    if isinstance(command, SetAccount) and account is not None and account.tenants and account.unit != command.unit:
        yield TENANT.every


def _on_set(message: Message[SetAccount], work: Work) -> AccountView | Problem:
    command = message.body
    if command.unit and work.get(UNIT, command.unit) is None:
        return unit_not_found(command.unit)
    before = work.get(ACCOUNT, command.name)
    if before is None:
        after = Account(unit=command.unit, description=command.description)
    elif (before.unit, before.description) == (command.unit, command.description):
        return account_view(command.name, before)
    else:
        after = msgspec.structs.replace(
            before, unit=command.unit, description=command.description, revision=before.revision + 1
        )
    was = "" if before is None else before.unit
    if was != after.unit:
        units.count(work, was, accounts=-1)
        units.count(work, after.unit, accounts=1)
    work.put(ACCOUNT, command.name, after)
    if was != after.unit and after.tenants:
        _moved(work, command.name, after.unit)
    return account_view(command.name, after)


def _moved(work: Work, name: str, unit: str) -> None:
    """The tenants of an account are in another unit with it."""
    for tenant, known in list(work.every(TENANT)):
        if known.account == name:
            now = msgspec.structs.replace(known, revision=max(known.revision, work.floor) + 1)
            work.put(TENANT, tenant, now)
            say_tenant(work, tenant, now, unit)


def _on_drop(message: Message[DropAccount], work: Work) -> Done | Problem:
    name = message.body.name
    account = work.get(ACCOUNT, name)
    if account is None:
        return account_not_found(name)
    if account.tenants:
        return Problem(
            code="account_not_empty",
            detail=f"{name} has {account.tenants} tenants",
            hint="Move its tenants to another account first.",
            data={"tenants": account.tenants},
        )
    if left := held.standing(work, f"account:{name}"):
        return Problem(
            code="account_not_empty",
            detail=f"{left} offers, galleries and grants are for {name}: whoever has the name later would have them",
            hint="Those who made them must take them back first; the audit log tells who they are.",
            data={"shares": left},
        )
    work.put(ACCOUNT, name, None)
    units.count(work, account.unit, accounts=-1)
    return Done()
