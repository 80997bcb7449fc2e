"""The secrets of an installation: passwords for NATS, the hub's signing keys, certificates for the doors between pods.

Each client has a folder of its own, so that it can be given that and nothing else::

    <client>/nats-password            for every client of contracts.permissions
    replicator/ticket, ticket.pub     signs copy tickets and enrolments
    catalog/manifest, manifest.pub    signs the content of versions
    connector-<pod>/ticket.pub, manifest.pub                    check them
    connector-<pod>/enrolment         lets the pod join
    connector-<pod>/door.key, door.crt, authority.crt           who the pod is to others, and whose word counts
    gateway/door.key, door.crt, authority.crt                   the same for the gateway
    gateway/https.key, https.crt, https-authority.crt           by which clients know the HTTP API
    authority/authority.key, authority.crt                      issues certificates; nobody needs it at run time
    authority/https.key, https.crt                              issues the one of the HTTP API
    admin/token, https-authority.crt  the token of the local admin, for whoever looks after the installation
    sharing/admin-token.sha256        by which the hub knows it
    nats/accounts.conf                for nats-server: everyone's password, and what each may do
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from contracts import names
from contracts.events import Speaker
from contracts.permissions import ADMIN, GATEWAY, Account, Client
from imprint.local import https
from imprint.local.accounts import accounts
from imprint.local.authority import FOLDER, Authority
from imprint.local.secret_files import write_secret
from runtime.bearer import digest, new_secret
from runtime.enrolment import EnrolmentSigner
from runtime.settings import Settings
from runtime.signing import PrivateKey
from runtime.tickets import TicketError

PASSWORD = "nats-password"  # noqa: S105 - the name of a file
TICKET, MANIFEST = "ticket", "manifest"
ENROLMENT = "enrolment"
TOKEN, TOKEN_DIGEST = "token", "admin-token.sha256"
ACCOUNTS = "nats/accounts.conf"
LASTS = timedelta(days=3650)
"""For how long a pod that is named may join. It is made once: a pod that was removed does not come back with it, for
that a token must be younger than the removal (`imprint pod enroll`)."""


def make(folder: Path, clients: Sequence[Client], door: Sequence[str] = https.NAMES) -> None:
    """Make what ``folder`` lacks for ``clients``, renew what is due, and write ``nats/accounts.conf`` anew. ``door``
    are the names by which clients call the HTTP API.

    A client that is no longer named keeps its files, can no longer log in, and its certificate is not renewed.

    Raises:
        OSError: a file cannot be written.
        KeyFileError: a signing key is unusable.
        AuthorityError: the authority's key or a pod's is.
        ValueError: a name cannot be in a certificate.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    passwords = {client.name: _password(folder / client.name / PASSWORD) for client in clients}
    write_secret(folder / ACCOUNTS, accounts(clients, passwords))
    https.make(folder / FOLDER, folder / GATEWAY, door)
    write_secret(folder / ADMIN / https.TRUST, (folder / GATEWAY / https.TRUST).read_text())
    admin = _secret(folder / ADMIN / TOKEN, new_secret)
    write_secret(folder / Speaker.SHARING / TOKEN_DIGEST, digest(admin) + "\n")
    authority = Authority.open(folder / FOLDER)
    signing = {"replicator": TICKET, "catalog": MANIFEST}
    enrolment = EnrolmentSigner(PrivateKey.open(folder / "replicator" / TICKET))
    public = {name: PrivateKey.open(folder / service / name).public.pem.decode() for service, name in signing.items()}
    for client in clients:
        bearer = bearer_of(client)
        if bearer is not None:
            authority.enrol(folder / client.name, bearer)
        if bearer is not None and client.account is Account.PODS:
            for name, pem in public.items():
                write_secret(folder / client.name / f"{name}.pub", pem)
            _enrol(folder / client.name / ENROLMENT, bearer, enrolment)


def _enrol(file: Path, pod: str, signer: EnrolmentSigner) -> None:
    """A token with which ``pod`` may join, unless ``file`` has one that the hub's key signed."""
    now = datetime.now(UTC)
    if file.exists():
        try:
            signer.check(file.read_text().strip(), now)
            return
        except TicketError:
            pass  # of another key, or nonsense: another one is made
    write_secret(file, signer.token(pod, {}, now, now + LASTS) + "\n")


def bearer_of(client: Client) -> str | None:
    """Who a client is at the doors between pods; None for whoever has no business there."""
    if client.account is Account.PODS:
        return client.name.removeprefix(f"{Speaker.CONNECTOR}-")
    return names.GATEWAY if client.name == GATEWAY else None


def _password(file: Path) -> str:
    return _secret(file, lambda: secrets.token_urlsafe(32))


def _secret(file: Path, new: Callable[[], str]) -> str:
    """The secret in ``file``, made when there is none; an empty file has none."""
    found = file.read_text().strip() if file.exists() else ""
    if not found:
        found = new()
        write_secret(file, found + "\n")
    return found


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
