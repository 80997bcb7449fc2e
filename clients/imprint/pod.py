"""``imprint pod``: the pods, their VMs and what their libraries hold."""

import click

from imprint.options import run, shared
from imprint.output import show, size, when


@click.group(name="pod")
@shared
def command() -> None:
    """Pods, and what their connectors last said of them."""


@command.command(name="list")
@shared
def list_() -> None:
    """All enrolled pods."""
    pods = run(lambda client: client.pods())
    rows = [
        (pod.name, pod.state, pod.hypervisor, ", ".join(f"{d.name} {size(d.free)} free" for d in pod.datastores),
         pod.connector_version, when(pod.last_seen))
        for pod in pods
    ]  # fmt: skip
    columns = ("POD", "STATE", "HYPERVISOR", "DATASTORES", "CONNECTOR", "LAST SEEN")
    show(pods, columns, rows, empty="No pod has announced itself yet.")


@command.command()
@click.argument("pod")
@shared
def vms(pod: str) -> None:
    """The VMs of a pod, as of its last inventory."""
    page = run(lambda client: client.pod_vms(pod))
    rows = [
        (vm.name, vm.os_type, vm.power, "locked" if vm.locked else "",
         ", ".join(f"{disk.lun} {disk.role} {disk.format} {size(disk.size)}" for disk in vm.disks))
        for vm in page.items
    ]  # fmt: skip
    empty = "The pod has no VMs." if page.at else "The pod has not sent an inventory yet."
    show(page, ("VM", "OS", "POWER", "", "DISKS"), rows, empty=empty)


@command.command()
@click.argument("pod")
@shared
def library(pod: str) -> None:
    """The content library of a pod, as of its last inventory."""
    page = run(lambda client: client.pod_library(pod))
    rows = [(item.version, item.datastore, size(item.size), item.digest) for item in page.items]
    empty = "The library is empty." if page.at else "The pod has not sent an inventory yet."
    show(page, ("VERSION", "DATASTORE", "SIZE", "DIGEST"), rows, empty=empty)
