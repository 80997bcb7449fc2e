"""Who a connector is to other connectors: its certificate, its key, and the authority that it believes.

Both ends show a certificate of the house's authority, TLS 1.3 only. Files that changed are read again with the next
connection, so a renewed certificate needs no restart; files that do not fit together (a renewal half done) are logged,
and what was read before stays in force.
"""

import ssl
import threading
from pathlib import Path

import structlog

from contracts.names import bearer_of

log = structlog.get_logger()

Stamp = tuple[tuple[int, int, int], ...]


class IdentityError(Exception):
    """The files hold no certificate, its key and an authority; the message names the files, never what is in them."""


class Identity:
    """Contexts for both ends of a connection. Threads may share it."""

    def __init__(self, certificate: Path, key: Path, authority: Path) -> None:
        self._certificate, self._key, self._authority = certificate, key, authority
        self._lock = threading.Lock()
        self._stamp, self._server, self._client = self._read()
        self._refused: Stamp | None = None

    @classmethod
    def open(cls, certificate: Path, key: Path, authority: Path) -> "Identity":
        """The identity in three PEM files: the chain of this pod, its private key, and the authority's certificates.

        Raises:
            IdentityError: a file is missing, or they do not fit together.
        """
        return cls(certificate, key, authority)

    def server(self) -> ssl.SSLContext:
        """For a door: whoever connects must show a certificate of the authority."""
        self._refresh()
        return self._server

    def client(self) -> ssl.SSLContext:
        """For a connection to a door: its certificate must be the authority's and have the name that is asked for."""
        self._refresh()
        return self._client

    def _refresh(self) -> None:
        with self._lock:
            try:
                stamp = self._stat()
                if stamp in (self._stamp, self._refused):
                    return
                self._refused = stamp
                self._stamp, self._server, self._client = self._read()
            except (IdentityError, OSError) as error:
                log.error("identity_not_renewed", error=str(error))
            else:
                log.info("identity_renewed", certificate=str(self._certificate))

    def _stat(self) -> Stamp:
        stats = [path.stat() for path in (self._certificate, self._key, self._authority)]
        return tuple((stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in stats)

    def _read(self) -> tuple[Stamp, ssl.SSLContext, ssl.SSLContext]:
        try:
            stamp = self._stat()
            server, client = self._context(ssl.PROTOCOL_TLS_SERVER), self._context(ssl.PROTOCOL_TLS_CLIENT)
        except OSError as error:  # an SSLError is one
            reason = error.strerror or type(error).__name__
            raise IdentityError(f"{self._certificate}, {self._key}, {self._authority}: {reason}") from None
        server.verify_mode = ssl.CERT_REQUIRED
        server.num_tickets = 0  # a session that is resumed would not be checked against a changed authority
        return stamp, server, client

    def _context(self, protocol: int) -> ssl.SSLContext:
        context = ssl.SSLContext(protocol)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(self._certificate, self._key, password=_no_password)
        context.load_verify_locations(self._authority)
        return context


def bearer(certificate: dict[str, object] | None) -> str | None:
    """The pod (or the gateway) whose certificate this is, as `ssl` gives it; None when it names none or several."""
    names = (certificate or {}).get("subjectAltName", ())
    assert isinstance(names, tuple)  # noqa: S101 - for the type checker
    found = {name for kind, host in names if kind == "DNS" and (name := bearer_of(host)) is not None}
    return found.pop() if len(found) == 1 else None


def _no_password() -> str:
    """Instead of a prompt on the terminal, which would hang a service."""
    raise IdentityError("the private key has a password")
