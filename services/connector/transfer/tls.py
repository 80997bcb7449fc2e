"""TLS for a door: a transport that encrypts straight into the socket.

asyncio's own goes through two buffers in memory and holds up to three copies of what a slow reader does not take, and a
flood of handshakes that never end stays in memory until a collection. This one holds what it was given last, once, and
its connection is known before its handshake is done.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

HANDSHAKE: Final = 5.0
"""Seconds for a handshake."""
GOODBYE: Final = 0.3
"""Seconds from a refusal of the other side's certificate to the end."""
GULP: Final = 32 * 1024
"""Bytes read at once: more than a record."""
GULPS: Final = 8
"""Reads before others have their turn."""

Failed = Callable[[BaseException], None]


class TlsTransport(asyncio.Transport):
    """The server's end of an accepted connection; ``protocol`` hears of it when the handshake is done.

    ``failed`` is told instead when that does not happen. Writing is paused while the kernel has not taken everything.
    """

    def __init__(
        self, found: socket.socket, context: ssl.SSLContext, protocol: asyncio.Protocol, failed: Failed
    ) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        peername = found.getpeername()
        self._protocol = protocol
        self._failed = failed
        self._socket = context.wrap_socket(found, server_side=True, do_handshake_on_connect=False)
        self._fd = self._socket.fileno()
        self._facts: dict[str, Any] = {
            "peername": peername,
            "sockname": self._socket.getsockname(),
            "sslcontext": context,
            "socket": self._socket,
        }
        self._left = memoryview(b"")
        """What was written and is not sent."""
        self._shaken = self._closing = self._paused = self._ended = False
        self._timer = self._loop.call_later(HANDSHAKE, self._end, TimeoutError("no handshake in time"))
        self._loop.add_reader(self._fd, self._shake)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._facts.get(name, default)

    # --- reading ---

    def _shake(self) -> None:
        self._loop.remove_writer(self._fd)
        try:
            self._socket.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLWantWriteError:
            self._loop.add_writer(self._fd, self._shake)
            return
        except OSError as error:
            # A close with bytes unread would overtake the alert that says what is wrong.
            hears = isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError)
            self._end(error, GOODBYE if hears else 0.0)
            return
        self._timer.cancel()
        self._shaken = True
        self._facts["peercert"] = self._socket.getpeercert()
        self._loop.add_reader(self._fd, self._read)
        self._protocol.connection_made(self)

    def _read(self) -> None:
        try:
            for _ in range(GULPS):
                data = self._socket.recv(GULP)
                if not data:
                    self._end(None)
                    return
                self._protocol.data_received(data)
                if self._closing or self._paused:
                    return
        except ssl.SSLWantReadError:
            pass
        except OSError as error:
            self._end(error)

    def is_reading(self) -> bool:
        return not (self._paused or self._closing)

    def pause_reading(self) -> None:
        if self.is_reading():
            self._paused = True
            self._loop.remove_reader(self._fd)

    def resume_reading(self) -> None:
        if self._paused and not self._closing:
            self._paused = False
            self._loop.add_reader(self._fd, self._read)
            self._loop.call_soon(self._again)

    def _again(self) -> None:
        """What is decrypted already makes no socket ready."""
        if self.is_reading() and not self._ended and self._socket.pending():
            self._read()

    # --- writing ---

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._closing or not len(data):
            return
        if self._left:
            self._left = memoryview(bytes(self._left) + bytes(data))
            return
        self._left = memoryview(data).cast("B")
        self._flush()
        if self._left and not self._ended:
            self._loop.add_writer(self._fd, self._continue)
            self._protocol.pause_writing()

    def _flush(self) -> None:
        try:
            while self._left:
                self._left = self._left[self._socket.send(self._left) :]
        except ssl.SSLWantWriteError:
            pass
        except OSError as error:
            self._end(error)

    def _continue(self) -> None:
        self._flush()
        if self._left or self._ended:
            return
        self._loop.remove_writer(self._fd)
        self._protocol.resume_writing()
        if self._closing:
            self._end(None)

    def get_write_buffer_size(self) -> int:
        return len(self._left)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is nothing to set: the limit is 0."""

    def can_write_eof(self) -> bool:
        return False

    # --- the end ---

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """End it when everything is sent."""
        if not self._closing:
            self._closing = True
            self._loop.remove_reader(self._fd)
            if not self._left:
                self._end(None)

    def abort(self) -> None:
        self._end(None)

    def _end(self, error: BaseException | None, after: float = 0.0) -> None:
        if self._ended:
            return
        self._ended = self._closing = True
        self._timer.cancel()
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        whole = not self._left
        self._left = memoryview(b"")
        self._loop.call_later(after, self._lost, error, whole)

    def _lost(self, error: BaseException | None, whole: bool) -> None:
        if self._shaken and whole and error is None:
            with suppress(OSError, ValueError):
                self._socket.unwrap()  # says goodbye, and does not wait for an answer
        self._socket.close()
        protocol, failed = self._protocol, self._failed
        # They know this transport: left in a circle, a flood of connections would stay until the garbage is collected.
        self._protocol, self._failed = asyncio.Protocol(), _nobody
        if self._shaken:
            protocol.connection_lost(error if isinstance(error, Exception) else None)
        else:
            failed(error or ConnectionAbortedError("cut"))


def _nobody(_: BaseException) -> None:
    """Hears nothing any more."""
