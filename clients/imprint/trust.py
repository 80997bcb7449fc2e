"""Whom the client believes to be the server, and as whom it asks: from a data folder, or from the environment."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ADDRESS = "address"
TOKEN = Path("keys", "admin", "token")
CERTIFICATE = Path("gateway", "certificate.pem")
"""What `imprint up` keeps of them in its data folder."""


@dataclass(frozen=True)
class Access:
    """A server, the token shown to it, and the certificate that it must show."""

    server: str
    token: str = ""
    verify: ssl.SSLContext | None = None


def access(data: Path) -> Access:
    """The gateway that runs in this data folder.

    Raises:
        FileNotFoundError: none does.
    """
    server = (data / ADDRESS).read_text().strip()
    return Access(server, token(data / TOKEN), pinned(data / CERTIFICATE) if server.startswith("https:") else None)


def of_this_machine(server: str) -> bool:
    """Whether the address is one of this machine alone."""
    try:
        return urlsplit(server).hostname in ("127.0.0.1", "localhost", "::1")
    except ValueError:
        return False


def token(file: Path) -> str:
    """The token in ``file``; empty when there is none."""
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        return ""


def pinned(file: Path) -> ssl.SSLContext:
    """Believes in the one certificate in ``file``, whatever names are in it. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(file)
    return context


def vouched(file: Path) -> ssl.SSLContext:
    """Believes in certificates from the authorities in ``file``, for the name that is asked for. Raises OSError."""
    return ssl.create_default_context(cafile=str(file))
