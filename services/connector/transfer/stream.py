"""A socket to a holder. Every wait on it ends: with bytes, with a deadline, or because somebody interrupts it.

With TLS the other side must show the name that is asked for; the handshake counts into the time to connect.
"""

import os
import select
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import Final

from connector.failures import Cancel

CONNECT: Final = 5.0
"""Seconds to find the host, connect and shake hands."""
SILENCE: Final = 15.0
"""Seconds without a byte after which a holder counts as gone."""
LOOK: Final = 0.2
"""Seconds after which a wait without a socket looks at the stop flag."""


Place = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
Address = tuple[int, Place]
"""Family, and where in it."""


class Interrupted(OSError):  # noqa: N818
    """`Stream.interrupt` was called."""


class Stream:
    """One connection, for one thread; `interrupt` may come from any."""

    def __init__(self, stop: Cancel) -> None:
        self._stop = stop
        self._guard = threading.Lock()
        self._socket: socket.socket | None = None
        self._interrupted = False

    def open(self, host: str, port: int, context: ssl.SSLContext | None, name: str) -> None:
        """Connect; with ``context``, to whoever proves to be ``name``. Raises OSError (or SSLError), Cancelled."""
        deadline = time.monotonic() + CONNECT
        error: OSError = OSError("the host has no address")
        for family, address in self._resolved(host, port, deadline):
            try:
                self._connect(family, address, deadline)
                break
            except OSError as failed:
                self.close()
                self._check()
                error = failed
        else:
            raise error
        try:
            if context is not None:
                self._shake_hands(context, name, deadline)
            found = self._found
            found.settimeout(SILENCE)
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            self.close()
            raise

    def send(self, data: bytes) -> None:
        """Raises OSError."""
        self._found.sendall(data)

    def receive(self, view: memoryview) -> int:
        """Bytes put into ``view``: 0 at the end. Raises OSError; TimeoutError after `SILENCE`."""
        return self._found.recv_into(view)

    def quiet(self) -> bool:
        """Whether it is open and nothing came unasked: an end that the other side made, or rubbish."""
        found = self._socket
        if found is None or found.fileno() < 0:
            return False
        waiting = select.poll()  # not `select`, which knows no more than 1024 files
        waiting.register(found, select.POLLIN)
        return not waiting.poll(0)

    def interrupt(self) -> None:
        """Make a blocked call return at once, with an error; the stream is of no more use."""
        with self._guard:
            self._interrupted = True
            if self._socket is not None:
                with suppress(OSError):  # it may not be connected
                    # Not the method of an SSLSocket, which would go on in the clear.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        with self._guard:
            if self._socket is not None:
                self._socket.close()
            self._socket = None

    @property
    def _found(self) -> socket.socket:
        found = self._socket
        if found is None:
            raise Interrupted("the connection is closed")
        return found

    def _check(self) -> None:
        self._stop.check()
        if self._interrupted:
            raise Interrupted("interrupted")

    def _resolved(self, host: str, port: int, deadline: float) -> list[Address]:
        """Families and addresses of a host. A name service may hang: it is asked in a thread that is not waited for."""
        with suppress(socket.gaierror):
            return _addresses(host, port, socket.AI_NUMERICHOST)
        found: list[Address] = []
        errors: list[OSError] = []
        over = threading.Event()

        def ask() -> None:
            try:
                found.extend(_addresses(host, port, 0))
            except OSError as error:
                errors.append(error)
            finally:
                over.set()

        threading.Thread(target=ask, name="resolve", daemon=True).start()
        while not over.wait(LOOK):
            self._check()
            if time.monotonic() > deadline:
                raise TimeoutError("the name service does not answer")
        if errors:
            raise errors[0]
        return found

    def _connect(self, family: int, address: Place, deadline: float) -> None:
        found = socket.socket(family, socket.SOCK_STREAM)
        self._adopt(found)
        found.settimeout(0.0)
        found.connect_ex(address)
        self._wait(select.POLLOUT, deadline, "no connection in time")
        code = found.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))

    def _shake_hands(self, context: ssl.SSLContext, name: str, deadline: float) -> None:
        wrapped = context.wrap_socket(self._found, server_hostname=name, do_handshake_on_connect=False)
        self._adopt(wrapped)
        while True:
            try:
                wrapped.do_handshake()
                return
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN, deadline, "no TLS handshake in time")
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT, deadline, "no TLS handshake in time")

    def _adopt(self, found: socket.socket) -> None:
        """From here on `interrupt` reaches this socket."""
        with self._guard:
            self._socket = found
        self._check()

    def _wait(self, event: int, deadline: float, late: str) -> None:
        waiting = select.poll()
        waiting.register(self._found, event)
        while not waiting.poll(LOOK * 1000):
            self._check()
            if time.monotonic() > deadline:
                raise TimeoutError(late)
        self._check()
        if time.monotonic() > deadline:  # bytes may drip in for ever
            raise TimeoutError(late)


def _addresses(host: str, port: int, flags: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, _, _, _, address in found]
