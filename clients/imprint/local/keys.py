"""The secrets of an installation: a password for each client of NATS, and the key pair for copy tickets.

Each client has a folder of its own, so that it can be given that and nothing else::

    <client>/nats-password            for every client of contracts.permissions
    replicator/ticket, ticket.pub     signs tickets
    connector-<pod>/ticket.pub        checks them
    nats/accounts.conf                for nats-server: everyone's password, and what each may do
"""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from contracts.permissions import ADMIN, Account, Client
from imprint.local.accounts import accounts
from runtime.settings import Settings
from runtime.tickets import Signer

PASSWORD = "nats-password"  # noqa: S105 - the name of a file
TICKET = "ticket"
ACCOUNTS = "nats/accounts.conf"


def make(folder: Path, clients: Sequence[Client]) -> None:
    """Make what ``folder`` lacks for ``clients``, and write ``nats/accounts.conf`` anew.

    A client that is no longer named keeps its files and can no longer log in.

    Raises:
        OSError: a file cannot be written.
        KeyFileError: the ticket key is unusable.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    passwords = {client.name: _password(folder / client.name / PASSWORD) for client in clients}
    write_secret(folder / ACCOUNTS, accounts(clients, passwords))
    public = Signer.open(folder / "replicator" / TICKET).public_pem.decode()
    for client in clients:
        if client.account is Account.PODS:
            write_secret(folder / client.name / f"{TICKET}.pub", public)


def _password(file: Path) -> str:
    """The password in ``file``, made when there is none; an empty file has none."""
    found = file.read_text().strip() if file.exists() else ""
    if not found:
        found = secrets.token_urlsafe(32)
        write_secret(file, found + "\n")
    return found


def write_secret(file: Path, text: str) -> None:
    """Write a file that only its owner may read; whoever reads it sees all of it or the old one."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text)
    new.replace(file)


def nats_settings(data: Path, client: str = ADMIN, host: str = "127.0.0.1") -> Settings:
    """Settings with which ``client`` connects to the NATS server of the installation in ``data``.

    Raises:
        FileNotFoundError: nothing was ever started there.
    """
    port = int((data / "nats" / "port").read_text())
    return Settings(
        data=str(data),
        nats_url=f"nats://{host}:{port}",
        nats_user=client,
        nats_password_file=str(data / "keys" / client / PASSWORD),
    )
