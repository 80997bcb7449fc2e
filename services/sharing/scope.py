"""Across which boundary tenants may share: a policy of the provider (features.md E12)."""

from collections.abc import Collection, Iterator

from contracts.errors import Problem
from runtime.work import Get, Ref, Work
from sharing.directory.documents import ACCOUNT, TENANT
from sharing.settings import SharingSettings


def scope_refs(
    settings: SharingSettings, principals: Collection[str], owners: Collection[str], get: Get
) -> Iterator[Ref]:
    """The documents that `objection_to_scope` reads."""
    if settings.share_scope == "anywhere":
        return
    for principal in {*principals, *owners}:
        kind, _, name = principal.rpartition(":")
        account = name if kind == "account" else ""
        if kind not in ("account", "org"):
            tenant = name.partition("/")[0]
            yield TENANT(tenant)
            known = get(TENANT, tenant)
            account = "" if known is None else known.account
        if account:
            yield ACCOUNT(account)


def objection_to_scope(settings: SharingSettings, work: Work, owner: str, principal: str) -> Problem | None:
    """Why a tenant may not share with ``principal``: it is beyond the boundary that the policy draws. What is inside
    one's own tenant is inside every boundary."""
    if settings.share_scope == "anywhere":
        return None
    account, organisation = _home(work, owner)
    theirs, over = _home(work, principal)
    same = theirs == account if settings.share_scope == "account" else over == organisation
    inside = bool(account if settings.share_scope == "account" else organisation) and same
    kind, _, name = principal.rpartition(":")
    if inside or (kind not in ("account", "org") and name.partition("/")[0] == owner):
        return None
    return beyond(settings)


def beyond(settings: SharingSettings) -> Problem:
    """The refusal of sharing beyond the boundary."""
    return Problem(
        code="share_scope",
        detail=f"tenants share within their own {settings.share_scope} only",
        hint="Ask the provider, who sets this policy.",
        data={"scope": settings.share_scope},
    )


def _home(work: Work, principal: str) -> tuple[str, str]:
    """The account and the organisation that a principal belongs to, each empty if there is none."""
    kind, _, name = principal.rpartition(":")
    if kind == "org":
        return "", name.partition("/")[0]
    account = name
    if kind != "account":
        tenant = work.get(TENANT, name.partition("/")[0])
        account = "" if tenant is None else tenant.account
    known = work.get(ACCOUNT, account) if account else None
    return account, "" if known is None else known.unit.partition("/")[0]
