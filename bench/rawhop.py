"""The raw hop: one process publishes, one consumes and acknowledges, pipelined and with the public client calls.

``python -m bench.rawhop publish|consume`` are the two processes; the messages are events of the size and with the
headers that the services use, decoded by the consumer. No database, no handler: what JetStream itself costs here.
"""

import asyncio
import json
import os
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime

import nats
import uvloop
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from contracts import codec
from contracts.events import hub
from runtime.ids import new_id

WINDOW = 1024
PULL = 256


async def prepare(url: str) -> None:
    """An empty stream and its durable."""
    client = await nats.connect(url)
    js = client.jetstream()
    with suppress(NotFoundError):
        await js.delete_stream("RAW")
    await js.add_stream(
        StreamConfig(name="RAW", subjects=["raw.>"], storage=StorageType.FILE, discard=DiscardPolicy.NEW)
    )
    await js.add_consumer(
        "RAW", ConsumerConfig(durable_name="hop", ack_policy=AckPolicy.EXPLICIT, max_ack_pending=4096)
    )
    await client.close()


async def publish(url: str, count: int) -> None:
    """Publish ``count`` events with at most WINDOW unacknowledged."""
    client = await nats.connect(url, pending_size=32 * 2**20)
    inbox = client.new_inbox()
    free = asyncio.Semaphore(WINDOW)
    left = count
    ended = asyncio.Event()

    async def acknowledged(message: Msg) -> None:
        nonlocal left
        if b'"error"' in message.data:
            raise RuntimeError(message.data.decode())
        json.loads(message.data)
        free.release()
        left -= 1
        if left == 0:
            ended.set()

    await client.subscribe(f"{inbox}.*", cb=acknowledged, pending_msgs_limit=-1)
    version = new_id()
    now = datetime.now(UTC)
    for n in range(count):
        await free.acquire()
        event = hub.CopyAvailable(
            copy=f"{version}_pod-1_0", version=version, image=version, pod="pod-1", attempt=1, digest=version * 2,
            bytes_network=n, bytes_reused=0, revision=n,
        )  # fmt: skip
        headers = codec.headers(hub.CopyAvailable, id=new_id(), at=now, speaker="raw", saga=version, cause=version)
        await client.publish("raw.copy.available.x", codec.encode(event), reply=f"{inbox}.{n}", headers=headers)
    await ended.wait()
    await client.close()


async def consume(url: str, count: int) -> None:
    """Take ``count`` events by a continuous pull, decode and acknowledge them."""
    client = await nats.connect(url, pending_size=32 * 2**20)
    inbox = client.new_inbox()
    asked = left = 0
    ended = asyncio.Event()
    left = count

    async def pull() -> None:
        nonlocal asked
        while asked <= PULL:
            asked += PULL
            request = {"batch": PULL, "expires": 30 * 10**9}
            await client.publish("$JS.API.CONSUMER.MSG.NEXT.RAW.hop", json.dumps(request).encode(), reply=inbox)

    async def receive(message: Msg) -> None:
        nonlocal asked, left
        if not message.reply:
            return
        asked -= 1
        codec.decode(message.data)
        await client.publish(message.reply, b"+ACK")
        left -= 1
        if left == 0:
            ended.set()
        elif asked <= PULL:
            await pull()

    await client.subscribe(inbox, cb=receive, pending_msgs_limit=-1)
    await pull()
    await ended.wait()
    await client.flush()
    await client.close()


if __name__ == "__main__":
    role = {"publish": publish, "consume": consume}[sys.argv[1]]
    sys.stdin.readline()  # imports done: both processes begin together
    used, start = time.process_time(), time.perf_counter()
    uvloop.run(role(os.environ["IMPRINT_NATS_URL"], int(sys.argv[2])))
    print(json.dumps({"cpu": time.process_time() - used, "wall": time.perf_counter() - start}))
