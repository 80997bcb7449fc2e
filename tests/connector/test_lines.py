"""The connections of a door as they come in: a flood of them is one thing among others."""

import asyncio
import socket
from pathlib import Path

from aiohttp import web
from structlog.testing import capture_logs

from connector.transfer.lines import Lines
from harness.certificates import TestAuthority

FLOOD = 100


async def _nothing(_: web.BaseRequest) -> web.StreamResponse:
    return web.Response()


async def test_a_queue_full_of_connections_leaves_the_door_time_for_its_other_work(tmp_path: Path) -> None:
    lines = Lines(_nothing, TestAuthority(tmp_path).identity("pod-1"), 15.0)
    with socket.create_server(("127.0.0.1", 0), backlog=FLOOD) as listening:
        listening.settimeout(0)
        there = [socket.create_connection(listening.getsockname()) for _ in range(FLOOD)]
        accepting = asyncio.ensure_future(lines.accept(listening))
        turns = 0
        while len(lines.callers) < FLOOD:
            await asyncio.sleep(0)
            turns += 1
        accepting.cancel()
        await lines.shutdown(1.0)
        for line in there:
            line.close()
    assert turns >= FLOOD


async def test_what_is_no_http_is_one_line_in_the_log_and_no_traceback() -> None:
    lines = Lines(_nothing, None, 15.0)
    with capture_logs() as said, socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        accepting = asyncio.ensure_future(lines.accept(listening))
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: many\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.0 400")
        writer.close()
        accepting.cancel()
        await lines.shutdown(1.0)
    assert [entry["event"] for entry in said] == ["request_unusable"]
    assert "exc_info" not in said[0]
