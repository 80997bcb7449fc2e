"""One thread's connection to the holders: an index or a range of a disk, received into memory that is used again.

Nothing received is believed here but its length, and a wrong one is refused before its body is read. Redirects are not
followed and proxies are not asked: a ticket goes to the holder that the hub named, and to nobody else.
"""

import http.client
import os
import select
import socket
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from connector.failures import Cancel
from connector.transfer.holders import HolderFailed
from connector.transfer.index import index_size
from contracts.events.to_pods import Holder
from contracts.manifest import Disk

CONNECT: Final = 5.0
SILENCE: Final = 15.0
"""Seconds without a byte after which a holder counts as gone."""
PIECE: Final = 1024 * 1024


class Connection:
    """A connection that follows the holder it is asked to use. `interrupt` may come from any thread."""

    def __init__(self, ticket: str, stop: Cancel) -> None:
        self._headers = {"Authorization": f"Bearer {ticket}"}
        self._stop = stop
        self._holder: Holder | None = None
        self._connection: http.client.HTTPConnection | None = None

    def index(self, holder: Holder, disk: Disk, target: int) -> int:
        """Write the index of ``disk`` to the file ``target``; its bytes. Raises HolderFailed, Cancelled."""
        wanted = index_size(disk.size)
        response = self._get(holder, f"/v1/disks/{disk.root}/index", {}, HTTPStatus.OK, wanted)
        at = 0
        view = memoryview(bytearray(min(PIECE, wanted)))
        while at < wanted:
            got = self._read(response, view[: min(len(view), wanted - at)])
            os.pwrite(target, view[:got], at)
            at += got
        self._finish(response)
        return at

    def range(self, holder: Holder, disk: Disk, offset: int, view: memoryview) -> tuple[int, HolderFailed | None]:
        """Fill ``view`` from ``offset`` on: how many bytes came, and what ended it early. Raises Cancelled."""
        at = 0
        try:
            headers = {"Range": f"bytes={offset}-{offset + len(view) - 1}"}
            path = f"/v1/disks/{disk.root}/data"
            response = self._get(holder, path, headers, HTTPStatus.PARTIAL_CONTENT, len(view))
            if response.getheader("Content-Range") != f"bytes {offset}-{offset + len(view) - 1}/{disk.size}":
                raise self._broken("source_refused", "it answered with another range")
            while at < len(view):
                at += self._read(response, view[at : at + PIECE])
            self._finish(response)
        except HolderFailed as error:
            return at, error
        return at, None

    def interrupt(self) -> None:
        """Make a blocked call return at once, with an error."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with suppress(OSError):  # it may be closed by now
                connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._holder = None

    def _get(
        self, holder: Holder, path: str, headers: dict[str, str], status: int, length: int
    ) -> http.client.HTTPResponse:
        for fresh in (False, True):
            if self._holder != holder or fresh:
                self._connect(holder)
            assert self._connection is not None  # noqa: S101 - for the type checker: _connect sets it
            try:
                self._connection.request("GET", path, headers=self._headers | headers)
                response = self._connection.getresponse()
                break
            except (http.client.HTTPException, OSError) as error:
                self.close()
                self._stop.check()
                # A kept-alive connection may have been closed by the other side in the meantime: once more, anew.
                if fresh or not isinstance(error, http.client.RemoteDisconnected | ConnectionError):
                    raise _unreachable(error) from None
        if response.status != status:
            detail = f"it answered {response.status} {response.reason[:60]}"
            busy = response.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)
            raise self._broken("source_unreachable" if busy else "source_refused", detail, passing=busy)
        if response.getheader("Content-Length") != str(length):
            raise self._broken("source_refused", "it answered with another length")
        return response

    def _read(self, response: http.client.HTTPResponse, view: memoryview) -> int:
        self._stop.check()
        try:
            got = response.readinto(view)
        except (http.client.HTTPException, OSError) as error:
            self.close()
            self._stop.check()
            raise _unreachable(error) from None
        if not got:
            self.close()
            self._stop.check()
            raise HolderFailed("source_unreachable", "its answer ended early", passing=True)
        return got

    def _finish(self, response: http.client.HTTPResponse) -> None:
        """Read the (empty) rest, so that the connection can be used again."""
        if response.read(1):
            self.close()

    def _broken(self, code: str, text: str, *, passing: bool = False) -> HolderFailed:
        self.close()
        return HolderFailed(code, text, passing=passing)

    def _connect(self, holder: Holder) -> None:
        self.close()
        host, port = _address(holder.address)
        self._connection = http.client.HTTPConnection(host, port, timeout=SILENCE)
        try:
            self._connection.sock = self._open(host, port)
        except OSError as error:
            self.close()
            raise _unreachable(error) from None
        self._stop.check()  # an interruption that came before there was a socket
        self._holder = holder

    def _open(self, host: str, port: int) -> socket.socket:
        """A connected socket; the stop flag is looked at while the connection comes about."""
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
        try:
            found.settimeout(0.0)
            code = found.connect_ex(address)
            deadline = time.monotonic() + CONNECT
            waiting = select.poll()
            waiting.register(found, select.POLLOUT)
            while not waiting.poll(200):
                self._stop.check()
                if time.monotonic() > deadline:
                    raise TimeoutError("no connection in time")
            code = found.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, os.strerror(code))
            found.settimeout(SILENCE)
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            found.close()
            raise
        return found


def _address(address: str) -> tuple[str, int]:
    """Host and port of ``http://host:port``. Raises HolderFailed for anything else."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme != "http" or not parts.hostname or port is None or parts.username or parts.path.strip("/"):
        raise HolderFailed("source_refused", "its address is not one that can be used")
    return parts.hostname, port


def _unreachable(error: Exception) -> HolderFailed:
    text = str(error) if isinstance(error, OSError) and error.strerror is None else ""
    reason = getattr(error, "strerror", None) or text or type(error).__name__
    return HolderFailed("source_unreachable", f"no connection: {reason}", passing=True)
