"""What was delivered to a process that died before it answered."""

from pathlib import Path

from contracts.events import Speaker
from contracts.topology import durables
from harness.toy import Toy, heard, outsider, registered, say, settings
from harness.wait import until
from runtime.service import service


async def test_what_a_process_had_taken_when_it_was_killed_comes_to_the_next_one_at_once(
    nats_url: str, tmp_path: Path
) -> None:
    """Without this a saga would wait for ``ack_wait``, half a minute."""
    toy = Toy()
    async with outsider(nats_url) as client:
        js = client.jetstream()
        (durable,) = [durable for durable in durables(Speaker.SHARING) if durable.stream == "EVENTS"]
        dead = await js.pull_subscribe_bind(durable.name, durable.stream)
        events = [registered(f"image-{n}") for n in range(5)]
        for event in events:
            await say(client, event)
        taken = await dead.fetch(5, timeout=5)
        await taken[1].ack_sync()  # not the first ones: then the database would have to know of them
        await taken[3].ack_sync()
        lost = [events[n].image for n in (0, 2, 4)]
        last = registered("last")
        await say(client, last)
        async with service(toy.definition(), settings(nats_url, tmp_path / "s")):
            await heard(client, "event.share.offered.*", 4, timeout=10)
            assert sorted(toy.seen) == sorted([*lost, last.image])

            async def answered() -> bool:
                info = await js.consumer_info(durable.stream, durable.name)
                return not info.num_ack_pending and not info.num_pending

            await until(answered)
