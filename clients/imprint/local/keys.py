"""The secrets of an installation: the password for NATS, and the key pair that signs and checks copy tickets."""

import os
import secrets
from pathlib import Path

from runtime.settings import Settings
from runtime.tickets import Signer

NATS_USER = "imprint"


def make(folder: Path) -> None:
    """Make what ``folder`` lacks: ``nats-password``, ``ticket`` (private) and ``ticket.pub``."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    password = folder / "nats-password"
    if not password.exists():
        write_secret(password, secrets.token_urlsafe(32) + "\n")
    Signer.open(folder / "ticket")


def share(folder: Path, pods: Path) -> None:
    """Put copies of what connectors may have into the folder ``pods``: not the private key."""
    for name in ("nats-password", "ticket.pub"):
        write_secret(pods / name, (folder / name).read_text())


def write_secret(file: Path, text: str) -> None:
    """Write a file that only its owner may read; whoever reads it sees all of it or the old one."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text)
    new.replace(file)


def nats_settings(data: Path, host: str = "127.0.0.1") -> Settings:
    """Settings with which a program of this machine connects to the NATS server of the installation in ``data``.

    Raises:
        FileNotFoundError: nothing was ever started there.
    """
    port = int((data / "nats" / "port").read_text())
    return Settings(
        data=str(data),
        nats_url=f"nats://{host}:{port}",
        nats_user=NATS_USER,
        nats_password_file=str(data / "keys" / "nats-password"),
    )
