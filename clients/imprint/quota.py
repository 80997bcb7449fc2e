"""``imprint quota``: what a tenant may hold over all its galleries."""

import click

from contracts.keeping import Quota
from contracts.views import QuotaView
from imprint.fields import if_match_or_new
from imprint.holding import amounts, given_quota, limits
from imprint.options import current, run, shared
from imprint.output import print_json, print_table

ALL = ("galleries", "images", "versions", "bytes")


@click.group(name="quota")
@shared
def command() -> None:
    """Quotas of tenants; a gallery has its own (imprint gallery)."""


@command.command(name="show")
@click.argument("tenant", required=False)
@shared
def show_(tenant: str | None) -> None:
    """What the tenant holds and may hold; operators may name another TENANT."""
    _show(run(lambda client: client.quota(tenant)))


@command.command(name="set")
@click.argument("tenant")
@click.option("--most-galleries", "galleries", type=click.IntRange(min=0), metavar="N", help="So many galleries.")
@limits
@click.option("--defaults", is_flag=True, help="Everything as the hub's settings have it.")
@if_match_or_new
@shared
def set_(tenant: str, defaults: bool, if_match: int | None, **quota: int | None) -> None:
    """Operators: say anew what a TENANT may hold; bounds that are not named are as the hub's settings have them."""
    given = given_quota(quota)
    if defaults == bool(given):
        raise click.UsageError("Either the bounds, or --defaults.")
    _show(run(lambda client: client.set_quota(tenant, Quota(**given), if_match)))


def _show(view: QuotaView) -> None:
    if current().json:
        print_json(view)
        return
    click.echo(f"tenant {view.tenant}  (revision {view.revision})")
    print_table(("", "HELD"), amounts(view.quota, view.usage, *ALL))
