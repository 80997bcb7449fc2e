"""Saying what a tenant is, for those who must know when nobody asks: a marker that moves, a copy that comes."""

from contracts.events.hub import TenantSet
from contracts.principals import above, tenant_key
from runtime.work import Work
from sharing.domain.directory.tree import Tenant


def say_tenant(work: Work, name: str, tenant: Tenant, unit: str) -> None:
    """Say what a tenant is from now on; ``unit`` is that of its account."""
    event = TenantSet(
        key=tenant_key(name),
        tenant=name,
        account=tenant.account,
        disabled=tenant.disabled,
        principals=above(name, tenant.account, unit),
        revision=tenant.revision,
    )
    work.emit(event, saga="")
