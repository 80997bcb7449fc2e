"""The door's own certificate: what clients know it by, taken anew when its files change."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

LOOK = 30.0
"""Seconds between two looks at the files."""
SERVED = "certificate.pem"
"""The file in the gateway's folder with the certificate that it shows: by it clients on this machine know it."""

Stamp = tuple[tuple[int, int, int], ...]

log = structlog.get_logger()


class Certificate:
    """A certificate and its key, in a context that shows what the files hold. ``shown`` says which one that is."""

    def __init__(self, certificate: Path, key: Path, shown: Path) -> None:
        self._files = (certificate, key)
        self._shown = shown
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self._stamp = self._take()

    @asynccontextmanager
    async def renewed(self) -> AsyncIterator[ssl.SSLContext]:
        """The context; new certificates are shown to new connections while the block runs."""
        looking = asyncio.create_task(self._watch(), name="certificate")
        try:
            yield self.context
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
            self._shown.unlink(missing_ok=True)

    def look(self) -> None:
        """Take what is in the files, if it is new and fits together; else all stays as it was."""
        try:
            if self._look() != self._stamp:
                self._stamp = self._take()
                log.info("certificate_renewed")
        except OSError as error:  # an SSLError is one
            log.error("certificate_not_renewed", error=str(error))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            self.look()

    def _look(self) -> Stamp:
        stats = [path.stat() for path in self._files]
        return tuple((stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in stats)

    def _take(self) -> Stamp:
        stamp = self._look()
        # A pair that does not fit together must not be left half in the context that serves.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self._files, password=_no_password)
        self.context.load_cert_chain(*self._files, password=_no_password)
        first, end, _ = self._files[0].read_text().partition("-----END CERTIFICATE-----")
        fresh = self._shown.with_suffix(".new")
        fresh.write_text(f"{first}{end}\n")
        fresh.replace(self._shown)
        return stamp


def _no_password() -> str:
    """Instead of a prompt on the terminal, which would hang the gateway."""
    raise OSError("the private key has a password")
