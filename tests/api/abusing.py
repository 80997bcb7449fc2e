"""The means of those who mean no good, and how the door bears them: its memory, and how long others wait."""

import asyncio
import json
import math
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from api.backend import TOKEN, Backend

MIB = 1024 * 1024
BEARER = f"Authorization: Bearer {TOKEN}\r\n".encode()
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Abused:
    """A door as a process of its own, and the canned services behind it."""

    url: str
    pid: int
    services: Backend

    @property
    def place(self) -> tuple[str, int]:
        """Host and port."""
        found = urlsplit(self.url)
        assert found.hostname is not None
        assert found.port is not None
        return found.hostname, found.port

    def peak(self) -> int:
        """The most bytes of memory that the process ever had."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        [line] = [line for line in text.splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024

    @asynccontextmanager
    async def connections(self, count: int) -> AsyncIterator[list[Stream]]:
        """So many connections."""
        found = await asyncio.gather(*(self.connect() for _ in range(count)))
        try:
            yield found
        finally:
            for _, writer in found:
                writer.transport.abort()

    async def connect(self) -> Stream:
        """One connection, with a small buffer for what is not read."""
        return await asyncio.open_connection(*self.place, limit=4096)

    async def say(self, request: bytes) -> tuple[int, bytes]:
        """What is answered to a request over a connection of its own."""
        reader, writer = await asyncio.open_connection(*self.place)
        try:
            writer.write(request)
            return await answer(reader, bodiless=request.startswith(b"HEAD "))
        finally:
            writer.transport.abort()

    async def bystander(self, count: int) -> list[float]:
        """How long somebody waits for each of so many answers, the shortest first."""
        asked = [sys.executable, "-m", "api.bystander", *map(str, self.place), TOKEN, str(count)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
        process = await asyncio.create_subprocess_exec(
            *asked, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        said, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        return sorted(json.loads(said))


async def answer(reader: asyncio.StreamReader, *, bodiless: bool = False) -> tuple[int, bytes]:
    """Status and body of the next answer; a status of 0 where the connection ended without one."""
    async with asyncio.timeout(60):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0, b""
        lines = head.lower().split(b"\r\n")
        length = [line.partition(b":")[2] for line in lines if line.startswith(b"content-length:")]
        try:
            body = await reader.readexactly(int(length[0])) if length and not bodiless else b""
        except (asyncio.IncompleteReadError, ConnectionError):
            body = b""  # what was not read of a refused request's body resets the connection
    return int(head.split()[1]), body


def p99(taken: list[float]) -> float:
    """What 99 of 100 waited at most."""
    return taken[math.ceil(len(taken) * 0.99) - 1]


def request(method: str, path: str, *headers: bytes, bearer: bytes = BEARER) -> bytes:
    """The head of a request up to its last header."""
    return b"%s %s HTTP/1.1\r\nHost: localhost\r\n%s%s" % (
        method.encode(), path.encode("latin-1"), bearer, b"".join(header + b"\r\n" for header in headers)
    )  # fmt: skip


NAMES = (
    "..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%2e%2e%2f%2e%2e%2fetc", "..%5c..%5cwindows", "....%2f%2f", "%00",
    "a%00b", "%0a", "a%0d%0aset-cookie:%20x=1", "%ff%fe", "%c0%ae%c0%ae", "%e2%80%ae", "%ef%bc%8e%ef%bc%8e", "~root",
    "-rf", "*", "%20", ";id", "$(id)", "%7b%7b7*7%7d%7d", "'%20or%20'1'='1", "<script>", "file:%2f%2f%2fetc%2fpasswd",
    "http:%2f%2f169.254.169.254%2f", "%252e%252e%252f", "A" * 300,
)  # fmt: skip
"""Segments of a path that name nothing, in no place."""
FILES = (
    "..", ".", "../../etc/passwd", "/etc/passwd", "a/../../b", "..\\..\\x", "a\0b", "a\nb", "\u202egnp", "\uff0e\uff0e",
    "file:///etc/passwd", "http://127.0.0.1/", "~/x", "", " ", "A" * 100_000,
)  # fmt: skip
"""Names of files and things that lead elsewhere, or are none."""
TURNS = 2
"""See `spoilt`."""
ADDRESSES = (
    "http://169.254.169.254/latest/meta-data/", "http://[::ffff:169.254.169.254]/", "http://[::ffff:127.0.0.1]/",
    "http://127.0.0.1:4222/", "http://localhost@127.0.0.1/", "http://2130706433/", "http://0x7f000001/",
    "http://017700000001/", "http://127.1/", "http://0.0.0.0/", "http://[::1]:8222/", "http://[::]/",
    "http://10.0.0.1/", "http://192.168.1.1/", "http://100.64.0.1/", "http://[fe80::1]/", "http://[fd00::1]/", "http://[64:ff9b::7f00:1]/",
    "file:///etc/passwd", "gopher://127.0.0.1:6379/_INFO", "ftp://127.0.0.1/", "dict://127.0.0.1:11211/",
    "//127.0.0.1/", "http://127.0.0.1\\@example.com/", "http://example.com\r\nHost: a/", "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/",
    "javascript:alert(1)", "http://user:secret@example.com/", "http://" + "a" * 2100,
)  # fmt: skip
"""Addresses that lead inside, or that others may read otherwise."""


def spoilt(path: str, turn: int) -> Iterator[str]:
    """A path of the API's description with each of its parameters in turn replaced by some of `NAMES`: by others with
    another ``turn``, and by all of them with as many turns as `TURNS`."""
    segments = path.split("/")
    for place, segment in enumerate(segments):
        if segment.startswith("{"):
            for name in NAMES[turn % TURNS :: TURNS]:
                filled = ["x" if other.startswith("{") else other for other in segments]
                filled[place] = name
                yield "/".join(filled)
