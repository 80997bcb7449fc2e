"""What is refused when something in the directory is not there, or not the asker's."""

from collections.abc import Iterable

from contracts.errors import Problem
from contracts.principals import Role


def unit_not_found(path: str) -> Problem:
    """There is no such organisation or unit."""
    return Problem(
        code="unit_not_found",
        detail=f"there is no organisation or unit {path[:200]!r}",
        hint="Make an organisation first, then what is below it; list the units to see what there is.",
        data={"unit": path[:200]},
    )


def account_not_found(name: str) -> Problem:
    """There is no such account."""
    return Problem(
        code="account_not_found",
        detail=f"there is no account {name[:80]!r}",
        hint="List the accounts to see what there is, or make it first.",
        data={"account": name[:80]},
    )


def tenant_not_found(name: str) -> Problem:
    """There is no such tenant, or it is not the asker's."""
    return Problem(
        code="tenant_not_found",
        detail=f"there is no tenant {name[:80]!r}",
        hint="Name no tenant, and your own is meant; only operators see others.",
        data={"tenant": name[:80]},
    )


def user_not_found(tenant: str, name: str) -> Problem:
    """The tenant has no such user or service account."""
    return Problem(
        code="user_not_found",
        detail=f"tenant {tenant} has no user or service account {name[:80]!r}",
        hint="An owner of the tenant can make it; list the users to see who there is.",
        data={"user": name[:80]},
    )


def token_not_found(id: str) -> Problem:
    """There is no such token, or it is not the asker's."""
    return Problem(
        code="token_not_found",
        detail=f"there is no token {id[:80]!r}",
        hint="List the tokens to see what there is; a token that ended long ago is forgotten.",
        data={"token": id[:80]},
    )


def roles_exceeded(roles: Iterable[Role], hint: str) -> Problem:
    """Roles that the asker, or the user, does not have; ``hint`` says what to do."""
    named = ", ".join(roles)
    return Problem(code="roles_exceeded", detail=f"this asks for more than is there to give: {named}", hint=hint,
                   data={"roles": named})  # fmt: skip
