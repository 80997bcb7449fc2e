"""One thread's connection to the holders: an index or a range of a disk, received into memory that is used again.

Nothing received is believed here but its length, and a wrong one is refused before its body is read. Redirects are not
followed and proxies are not asked: a ticket goes to the holder that the hub named, and with an identity only to
whoever proves by a certificate to be that pod.
"""

import ssl
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final

import zstandard

from connector.failures import Cancel, Refused
from connector.transfer import parts
from connector.transfer.answer import Answer, AnswerInvalidError, read_answer
from connector.transfer.body import Body, Throttle, Unpacked
from connector.transfer.grid import grid_of
from connector.transfer.holders import NOT_YET, HolderFailed
from connector.transfer.identity import Identity
from connector.transfer.reach import address_of, failed
from connector.transfer.stream import Stream
from connector.transfer.wire import Wire
from contracts.events.to_pods import Holder
from contracts.manifest import Disk
from contracts.names import door_host

PIECE: Final = 1024 * 1024
Room = tuple[int, memoryview]
"""Where a range begins, and the memory that it is to fill."""
_PASSING: Final = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)


class Connection:
    """A connection that follows the holder it is asked to use. `interrupt` may come from any thread."""

    def __init__(
        self, ticket: Callable[[], str], stop: Cancel, identity: Identity | None = None, wire: Wire | None = None
    ) -> None:
        self._ticket = ticket
        self._stop = stop
        self._identity = identity
        self._wire = wire or Wire("plain")
        self._holder: Holder | None = None
        self._stream: Stream | None = None
        self.received = 0
        """Bytes of the body that came over the wire in the last call: of zstd, what was really sent."""

    def index(self, holder: Holder, disk: Disk, offset: int, view: memoryview) -> tuple[int, HolderFailed | None]:
        """Fill ``view`` with the index of ``disk`` from ``offset`` on; as `range`."""
        return self._fill(holder, disk, "index", [(offset, view)], None)

    def range(
        self, holder: Holder, disk: Disk, offset: int, view: memoryview, throttle: Throttle | None = None
    ) -> tuple[int, HolderFailed | None]:
        """Fill ``view`` from ``offset`` on: how many bytes came, and what ended it early. Raises Cancelled.

        ``throttle`` bounds what is received. The bytes in ``view`` are plain, whatever travelled.
        """
        return self._fill(holder, disk, "data", [(offset, view)], throttle)

    def ranges(
        self, holder: Holder, disk: Disk, rooms: Sequence[Room], throttle: Throttle | None = None
    ) -> tuple[int, HolderFailed | None]:
        """As `range`, for several at once, in order and apart. No bytes and no failure: the holder does not know how,
        and `Wire.parts` says so from now on."""
        return self._fill(holder, disk, "data", rooms, throttle)

    def holding(self, holder: Holder, disk: Disk) -> bytes | None:
        """What the holder has of ``disk``: a bit for each span, least significant first; None: everything.

        Raises HolderFailed, Cancelled.
        """
        self.received = 0
        answer = self._ask(holder, f"/v1/disks/{disk.root}/holding", {}, HTTPStatus.OK)
        if answer.header("imprint-complete") == "1":
            if answer.length:
                raise self._broken("source_refused", "it answered with another length")
            self._settle(answer)
            return None
        try:
            size = -(-grid_of(disk).spans // 8)
        except Refused as error:
            raise self._broken("source_refused", error.failure.text) from None
        if answer.length != size:
            raise self._broken("source_refused", "it answered with another length")
        found = memoryview(bytearray(size))
        body = Body(answer, self._read, None, self._stop)
        while body.left:
            body.into(found[size - body.left :])
        self.received = size
        self._settle(answer)
        return bytes(found)

    def interrupt(self) -> None:
        """Make a blocked call return at once, with an error."""
        stream = self._stream
        if stream is not None:
            stream.interrupt()

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream = self._holder = None

    def _fill(
        self, holder: Holder, disk: Disk, part: str, rooms: Sequence[Room], throttle: Throttle | None
    ) -> tuple[int, HolderFailed | None]:
        self.received = at = 0
        ranges = [(begin, begin + len(view)) for begin, view in rooms]
        offset, last, size = ranges[0][0], ranges[-1][1] - 1, sum(len(view) for _, view in rooms)
        headers = {"Range": f"bytes={offset}-{last}"}
        several = parts.named(ranges) if len(rooms) > 1 else ""
        if several:
            headers[parts.HEADER] = several
        asked = part == "data" and self._wire.asks(holder.pod)
        if asked:
            headers["Imprint-Wire"] = "zstd"
        total = str(disk.size) if part == "data" else None
        body = None
        try:
            begun = time.monotonic()
            answer = self._ask(holder, f"/v1/disks/{disk.root}/{part}", headers, HTTPStatus.PARTIAL_CONTENT)
            if several and not answer.header(parts.HEADER.lower()):
                self._wire.whole(holder.pod)
                self.close()
                return 0, None
            if answer.header(parts.HEADER.lower()) != several:
                raise self._broken("source_refused", "it answered with other parts")
            if not _is_range(answer.header("content-range"), f"bytes {offset}-{last}/", total):
                raise self._broken("source_refused", "it answered with another range")
            zstd = self._is_zstd(answer, asked=asked)
            if answer.length > size or (not zstd and answer.length != size):
                raise self._broken("source_refused", "it answered with another length")
            body = Body(answer, self._read, throttle, self._stop)
            fill = Unpacked(body).into if zstd else body.into
            for _, view in rooms:
                here = 0
                while here < len(view):
                    got = fill(view[here : here + PIECE])
                    if not got:
                        raise self._broken("source_refused", "its answer unpacks to less than the range")
                    here, at = here + got, at + got
            if zstd and (fill(memoryview(bytearray(1))) or body.left):
                raise self._broken("source_refused", "its answer unpacks to more than the range")
            self._wire.measured(holder.pod, asked=asked, zstd=zstd, payload=at, seconds=time.monotonic() - begun)
            self._settle(answer)
        except HolderFailed as error:
            if body is not None:  # in the midst of it
                self.close()
            return at, error
        except zstandard.ZstdError:
            return at, self._broken("source_refused", "its answer is no zstd")
        except BaseException:
            self.close()
            raise
        finally:
            self.received = body.received if body is not None else 0
        return at, None

    def _settle(self, answer: Answer) -> None:
        """The answer was read to its end."""
        if not answer.keep:
            self.close()

    def _is_zstd(self, answer: Answer, *, asked: bool) -> bool:
        wire = answer.header("imprint-wire")
        if wire not in ("", "zstd") or (wire and not asked):
            raise self._broken("source_refused", "it answered in a form that was not asked for")
        return bool(wire)

    def _ask(self, holder: Holder, path: str, headers: dict[str, str], status: int) -> Answer:
        """The head of a good answer; its body is to be read. Raises HolderFailed, Cancelled."""
        lines = {"Host": door_host(holder.pod), "Authorization": f"Bearer {self._ticket()}"} | headers
        request = f"GET {path} HTTP/1.1\r\n" + "".join(f"{name}: {text}\r\n" for name, text in lines.items()) + "\r\n"
        for fresh in (False, True):
            again = not fresh and self._reusable(holder)
            if not again:
                self._connect(holder)
            assert self._stream is not None  # noqa: S101 - for the type checker: _connect sets it
            try:
                self._stream.send(request.encode())
                answer = read_answer(self._stream, self._stop)
                break
            except AnswerInvalidError as error:
                raise self._broken("source_unreachable", f"no connection: {error}", passing=True) from None
            except OSError as error:
                self.close()
                self._stop.check()
                # A kept-alive connection may have been closed by the other side in the meantime: once more, anew.
                if not again or not isinstance(error, ConnectionError | ssl.SSLEOFError):
                    raise failed(error) from None
        if answer.status != status:
            raise self._unwelcome(answer)
        return answer

    def _unwelcome(self, answer: Answer) -> HolderFailed:
        """Why the answer is not the one hoped for. The connection lives on when there is nothing left to read."""
        if answer.length or not answer.keep:
            self.close()
        text = f"it answered {answer.status} {answer.reason}"
        if answer.status == HTTPStatus.TOO_EARLY:
            return HolderFailed(NOT_YET, "it has not received that itself yet", passing=True)
        if answer.status == HTTPStatus.UNAUTHORIZED and 'error_description="expired"' in answer.header(
            "www-authenticate"
        ):
            return HolderFailed("ticket_expired", "the ticket has expired", passing=True)
        if answer.status in _PASSING:
            return HolderFailed("source_unreachable", text, passing=True)
        return HolderFailed("source_refused", text, absent=answer.status == HTTPStatus.NOT_FOUND)

    def _read(self, view: memoryview) -> int:
        self._stop.check()
        if self._stream is None:
            raise HolderFailed("source_unreachable", "the connection is closed", passing=True)
        try:
            got = self._stream.receive(view)
        except OSError as error:
            self.close()
            self._stop.check()
            raise failed(error) from None
        if not got:
            self.close()
            self._stop.check()
            raise HolderFailed("source_unreachable", "its answer ended early", passing=True)
        return got

    def _broken(self, code: str, text: str, *, passing: bool = False) -> HolderFailed:
        self.close()
        return HolderFailed(code, text, passing=passing)

    def _reusable(self, holder: Holder) -> bool:
        known = self._holder
        same = known is not None and (known.pod, known.address) == (holder.pod, holder.address)
        return same and self._stream is not None and self._stream.quiet()

    def _connect(self, holder: Holder) -> None:
        self.close()
        host, port = address_of(holder.address, "http" if self._identity is None else "https")
        context = self._identity.client() if self._identity is not None else None
        self._stream = Stream(self._stop)
        try:
            self._stream.open(host, port, context, door_host(holder.pod))
        except OSError as error:
            self.close()
            self._stop.check()
            raise failed(error) from None
        self._holder = holder


def _is_range(found: str, wanted: str, total: str | None) -> bool:
    if not found.startswith(wanted):
        return False
    rest = found.removeprefix(wanted)
    return rest == total if total is not None else rest.isascii() and rest.isdigit()
