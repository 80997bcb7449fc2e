"""``imprint pod``: the pods, their VMs, what their libraries hold, the operator's limits; see also `fleet`."""

from typing import TYPE_CHECKING, Any

import click

from imprint import fleet
from imprint.limits import Written, changed, link, rate, rows, window
from imprint.options import run, shared
from imprint.output import show, size, when

if TYPE_CHECKING:
    from contracts.views import PodView
    from imprint.client import Client


@click.group(name="pod")
@shared
def command() -> None:
    """Pods, and what their connectors last said of them."""


@command.command(name="list")
@shared
def list_() -> None:
    """All enrolled pods."""
    pods = run(lambda client: client.pods())
    table = [
        (pod.name, pod.state, pod.hypervisor, ", ".join(f"{d.name} {size(d.free)} free" for d in pod.datastores),
         pod.connector_version, when(pod.last_seen))
        for pod in pods
    ]  # fmt: skip
    columns = ("POD", "STATE", "HYPERVISOR", "DATASTORES", "CONNECTOR", "LAST SEEN")
    show(pods, columns, table, empty="No pod has announced itself yet.")


@command.command()
@click.argument("pod")
@shared
def vms(pod: str) -> None:
    """The VMs of a pod, and its volumes, snapshots and templates, as of its last inventory."""
    page = run(lambda client: client.pod_vms(pod))
    table = [
        (vm.name, vm.kind, vm.os_type, vm.power, "locked" if vm.locked else "",
         ", ".join(f"{disk.lun} {disk.role} {disk.format} {size(disk.size)}" for disk in vm.disks))
        for vm in page.items
    ]  # fmt: skip
    empty = "The pod has no VMs." if page.at else "The pod has not sent an inventory yet."
    show(page, ("NAME", "KIND", "OS", "POWER", "", "DISKS"), table, empty=empty)


@command.command()
@click.argument("pod")
@shared
def library(pod: str) -> None:
    """The content library of a pod, as of its last inventory."""
    page = run(lambda client: client.pod_library(pod))
    table = [
        (item.version, item.datastore, item.state, item.standing, size(item.size), item.digest) for item in page.items
    ]
    empty = "The library is empty." if page.at else "The pod has not sent an inventory yet."
    show(page, ("VERSION", "DATASTORE", "STATE", "STANDING", "SIZE", "DIGEST"), table, empty=empty)


@command.command()
@click.argument("pod")
@click.option("--receive", type=Written(rate), metavar="RATE", help="What it takes in a second, over all copies: 50MB.")
@click.option("--send", type=Written(rate), metavar="RATE", help="What it gives a second, over all copies.")
@click.option("--link", "links", type=Written(link), multiple=True, metavar="POD=RATE", help="What it takes from POD.")
@click.option("--copies", type=int, help="Copies at a time.")
@click.option(
    "--window", "windows", type=Written(window), multiple=True, metavar="HOURS",
    help='When it may copy: "Mon-Fri 22:00-06:00".',
)  # fmt: skip
@click.option("--timezone", metavar="ZONE", help="Of the windows: Europe/Berlin.")
@click.option("--scrub-days", type=float, help="Days within which each copy at rest is checked.")
@click.option("--clear", is_flag=True, help="Take all limits away first.")
@shared
def limits(pod: str, clear: bool, **options: Any) -> None:
    """The limits of a pod; with options, change those that are named. `none` takes a rate or all windows away.

    They take effect at once, also on copies under way.
    """
    given = {name: value for name, value in options.items() if _named(name)}
    view = run(lambda client: _limits(client, pod, given, clear=clear))
    show(view, ("LIMIT", "VALUE"), rows(view.limits), empty="The pod has no limits.")


def _named(option: str) -> bool:
    """Whether an option stands on the command line: None may be what it says there."""
    source = click.get_current_context().get_parameter_source(option)
    return source is click.core.ParameterSource.COMMANDLINE


async def _limits(client: "Client", pod: str, given: dict[str, Any], *, clear: bool) -> "PodView":
    from contracts.limits import Limits

    known = await client.pod(pod)
    if not given and not clear:
        return known
    try:
        wanted = changed(Limits() if clear else known.limits, given)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return await client.set_limits(pod, wanted, known.limits_revision)


for part in (
    fleet.show_, fleet.enroll, fleet.label, fleet.tenants, fleet.drain, fleet.readmit, fleet.remove, fleet.inventory,
):  # fmt: skip
    command.add_command(part)
