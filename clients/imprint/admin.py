"""``imprint admin``: what whoever runs an installation needs; but for ``audit`` it speaks with NATS."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click
import msgspec

from imprint.exits import CommandFailure, Exit, UnreachableError
from imprint.options import Token, current, shared
from imprint.output import print_json, show, when
from imprint.verifying import audit

if TYPE_CHECKING:
    from contracts.views import DeadLetterView, PodView
    from runtime.settings import Settings

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
CONNECT = 10.0
"""Seconds in which the NATS server must answer."""
SERVICES = ("catalog", "replicator", "sharing", "notifier")


@click.group(name="admin")
@shared
def command() -> None:
    """Look after an installation: its streams, its dead letters, its keys, its audit log."""


def nats_options(command: F) -> F:
    """Adds the options that say where NATS is; without them it is the one that `imprint up` runs (``--data``)."""
    for option in (
        click.option("--nats-password-file", envvar="IMPRINT_NATS_PASSWORD_FILE", default="", metavar="FILE"),
        click.option("--nats-user", envvar="IMPRINT_NATS_USER", default="", metavar="USER"),
        click.option("--nats", "nats_url", envvar="IMPRINT_NATS_URL", metavar="URL", help="Another NATS server."),
    ):
        command = option(command)
    return command


def _settings(nats_url: str | None, nats_user: str, nats_password_file: str) -> "Settings":
    from imprint.local.keys import nats_settings
    from runtime.settings import Settings

    data = current().folder
    if nats_url:
        return Settings(data=str(data), nats_url=nats_url, nats_user=nats_user, nats_password_file=nats_password_file)
    try:
        return nats_settings(data)
    except FileNotFoundError:
        error = UnreachableError(f"Nothing was ever started in {data}.", "Name the server: --nats URL, or --data DIR.")
        raise CommandFailure.of(error) from None


def _connected(act: Awaitable[T], settings: "Settings") -> T:
    """Run ``act``, which must be done in time: the connection itself would wait for ever."""

    from runtime import logs

    logs.configure(msgspec.structs.replace(settings, log_level="critical"), {})

    async def session() -> T:
        async with asyncio.timeout(CONNECT):
            return await act

    try:
        return asyncio.run(session())
    except TimeoutError:
        error = UnreachableError(f"{settings.nats_url} does not answer.", "Is the NATS server running?")
        raise CommandFailure.of(error) from None


@command.group()
@shared
def topology() -> None:
    """The streams and durables that the services speak over."""


@topology.command()
@click.option("--dry-run", is_flag=True, help="Only say what differs.")
@nats_options
@shared
def apply(dry_run: bool, nats_url: str | None, nats_user: str, nats_password_file: str) -> None:
    """Bring the server to the table in contracts.topology, showing the differences first."""
    from runtime import topology as streams
    from runtime.connection import connect

    settings = _settings(nats_url, nats_user, nats_password_file)

    async def act() -> list[str]:
        async with connect(settings, "admin") as client:
            return await streams.apply(client, dry_run=dry_run)

    lines = _connected(act(), settings)
    if current().json:
        print_json({"applied": not dry_run, "differences": lines})
        return
    for line in lines:
        click.echo(line)
    click.echo("Nothing differs." if not lines else "Not applied (--dry-run)." if dry_run else "Applied.")


@command.command()
@nats_options
@shared
def dead(nats_url: str | None, nats_user: str, nats_password_file: str) -> None:
    """The messages that services could not handle; pods with some are listed by their count."""
    from contracts.errors import Problem
    from contracts.requests import Actor, ListDeadLetters, ListPods
    from runtime.requests import Requests

    settings = _settings(nats_url, nats_user, nats_password_file)
    actor = Actor(tenant="default", name="admin", roles=("operator", "owner"))

    async def act() -> "tuple[list[tuple[str, DeadLetterView]], list[PodView]]":
        async with Requests.connect(settings, "admin") as requests:
            letters = []
            for service in SERVICES:
                reply = await requests.ask(ListDeadLetters(actor=actor), service=service)
                letters += [(service, letter) for letter in _items(reply, service)]
            pods = await requests.ask(ListPods(actor=actor, limit=500))
            return letters, [pod for pod in _items(pods, "replicator") if pod.dead_letters]

    def _items(reply: Any, service: str) -> tuple[Any, ...]:
        if isinstance(reply, Problem):
            error = UnreachableError(f"{service}: {reply.detail}", reply.hint)
            raise CommandFailure.of(error)
        return tuple(reply.items)

    letters, pods = _connected(act(), settings)
    value = {
        "services": [{"service": service, "letter": letter} for service, letter in letters],
        "pods": {pod.name: pod.dead_letters for pod in pods},
    }
    rows = [
        (service, letter.kind, letter.subject, letter.deliveries, when(letter.at), letter.reason)
        for service, letter in letters
    ] + [(pod.name, "", "", "", when(pod.last_seen), f"{pod.dead_letters} held back on the pod") for pod in pods]
    show(value, ("WHO", "KIND", "SUBJECT", "DELIVERIES", "AT", "REASON"), rows, empty="There are none.")


@command.command(name="keys")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--pod", "pods", type=Token(), multiple=True, help="A pod that may log in; may be repeated.")
@click.option(
    "--intake", type=Token(), multiple=True, metavar="SOURCE",
    help="A system that may say on intake.SOURCE.> that an image was built; may be repeated.",
)  # fmt: skip
@click.option(
    "--name", "names", multiple=True, metavar="HOST",
    help="A name or an address by which clients call the HTTP API, besides those of this machine; may be repeated.",
)  # fmt: skip
def keys_(folder: Path, pods: tuple[str, ...], intake: tuple[str, ...], names: tuple[str, ...]) -> None:
    """Make the secrets of an installation in FOLDER, as far as they are missing.

    Each client of NATS gets a folder with its password: catalog, replicator, sharing, notifier, gateway, admin,
    connector-POD, intake-SOURCE. The replicator's also has the key that signs copy tickets, the catalog's the one that
    signs versions, a connector's those that check both, the token with which its pod joins, and its certificate, which
    is renewed here when a third of its life is left.
    gateway/ has the certificate of the HTTP API, admin/token is the token of its admin, who sharing/ knows by its hash.
    authority/ is the certificate authority: keep it where this command runs.
    nats/accounts.conf is for nats-server (send it SIGHUP when it runs already): who is not named here is not let in.
    """
    from contracts.permissions import clients
    from imprint.local import https, keys
    from imprint.local.authority import AuthorityError
    from runtime.signing import KeyFileError

    try:
        keys.make(folder, clients(pods, intake), (*https.NAMES, *names))
    except (OSError, KeyFileError, AuthorityError, ValueError) as error:
        raise CommandFailure(Exit.FAILED, "The keys could not be made", detail=str(error)) from None


@command.group()
@shared
def authority() -> None:
    """The certificates with which pods and the gateway know each other."""


@authority.command(name="list")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@shared
def list_(folder: Path) -> None:
    """Who has a certificate in FOLDER (that of `imprint admin keys`; of `imprint up` it is DATA/keys), until when."""
    from imprint.local.authority import held

    found = held(folder)
    rows = [(one.client, ", ".join(one.names), when(one.expires), "yes" if one.due else "") for one in found]
    show(found, ("CLIENT", "NAMES", "EXPIRES", "DUE"), rows, empty="There are none.")


@authority.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--pod", type=Token(), required=True, help="Whose certificate it is to be.")
@click.option("--request", type=click.File("rb"), required=True, metavar="FILE", help="The request (PEM), - for stdin.")
@shared
def sign(folder: Path, pod: str, request: "BinaryIO") -> None:
    """Issue a certificate for a key that was made on the pod and stays there; prints it, and keeps it in FOLDER.

    \b
    On the pod:
      openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj / -keyout door.key -out pod.csr
    It needs authority.crt from FOLDER/connector-POD as well. `imprint admin keys FOLDER --pod POD ...` makes the rest
    of what the pod needs, and renews the certificate there when it is due.
    """
    from contracts.permissions import connector
    from imprint.local.authority import FOLDER, Authority, AuthorityError

    try:
        certificate = Authority.open(folder / FOLDER).sign(folder / connector(pod), pod, request.read())
    except (OSError, AuthorityError) as error:
        raise CommandFailure(Exit.FAILED, "The certificate was not issued", detail=str(error)) from None
    click.echo(certificate, nl=False)


command.add_command(audit)
