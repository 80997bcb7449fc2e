"""The `imprint` command. Groups are imported when they are used, so that ``--help`` is quick."""

from importlib import import_module

import click

from imprint.exits import MEANINGS
from imprint.options import shared

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("imprint.up", "Run everything on this machine: server, services and pods."),
    "demo": ("imprint.demo", "See an import and two publishes on real disks, from nothing."),
    "image": ("imprint.image", "Define, import, publish, place, list and show images and their versions."),
    "marker": ("imprint.marker", "Name a version of an image, as prod, and move or roll back that name."),
    "assignment": ("imprint.assignment", "Make desktop pools on pods, and keep them up to date."),
    "apply": ("imprint.apply", "Bring galleries, images, publishes and markers to what a file says."),
    "gallery": ("imprint.gallery", "Make, list, change and delete galleries, which hold images."),
    "quota": ("imprint.quota", "See and set what a tenant may hold."),
    "retention": ("imprint.retention", "Have old versions deleted, deprecated or disabled."),
    "flavour": ("imprint.flavour", "Sets of endpoint models that images are dedicated to."),
    "namespace": ("imprint.namespace", "Schemas of properties, and predefined tags."),
    "certificate": ("imprint.certificate", "Certificates by which signatures of imported images are checked."),
    "share": ("imprint.share", "Offer images to other tenants; see, accept and reject what they offer."),
    "grant": ("imprint.grant", "Grant roles on galleries, images and versions to anybody."),
    "token": ("imprint.token", "Make, list and revoke API tokens; see who you are."),
    "user": ("imprint.user", "Users and service accounts of a tenant, and their roles."),
    "tenant": ("imprint.tenant", "See, make, move, disable and enable tenants."),
    "account": ("imprint.account", "Accounts, which tenants belong to."),
    "unit": ("imprint.unit", "Organisations and their units, which accounts belong to."),
    "pod": ("imprint.pod", "Enrol, list, label, drain and remove pods; their VMs and content libraries."),
    "policy": ("imprint.policy", "Say where versions belong, also on pods that join later."),
    "webhook": ("imprint.webhook", "Have events posted to other systems."),
    "job": ("imprint.job", "List, show, watch, cancel and retry jobs."),
    "events": ("imprint.events", "Follow what happens, as it happens."),
    "audit": ("imprint.audit", "See who changed what."),
    "admin": ("imprint.admin", "Look after an installation: streams, dead letters, keys, the audit log."),
}
"""Command -> module (which has it under the name ``command``) and its line in the help."""

EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {int(code)}  {meaning}" for code, meaning in MEANINGS.items())


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is named."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="imprint", message="%(version)s")
@shared
def main() -> None:
    """Import a VM image once, publish it to every pod: versioned, verified, and known to be available only where a
    pod's own connector has said so."""


if __name__ == "__main__":
    main(prog_name="imprint")
