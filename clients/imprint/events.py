"""``imprint events``: what happens, as it happens."""

from contextlib import aclosing

import click
import msgspec

from imprint.client import Client
from imprint.options import current, run, shared


@click.command(name="events")
@click.option("--type", "type_", metavar="TYPE", help="Only this type of event, such as copy.available.")
@click.option("--image", help="Only what is about this image.")
@click.option("--version", help="Only what is about this version (its id).")
@click.option("--pod", help="Only what is about this pod.")
@click.option("--job", help="Only the events of this job.")
@click.option("--after", default="", metavar="ID", help="Begin after this event; --output json shows ids.")
@click.option("--count", type=click.IntRange(min=1), help="Stop after so many events.")
@shared
def command(
    type_: str | None,
    image: str | None,
    version: str | None,
    pod: str | None,
    job: str | None,
    after: str,
    count: int | None,
) -> None:
    """Print events as they come, one a line, until Ctrl-C. A broken connection goes on where it was."""
    json = current().json

    async def act(client: Client) -> None:
        seen = 0
        filters = {"type": type_, "image": image, "version": version, "pod": pod, "job": job}
        async with aclosing(client.events(filters, after)) as events:
            async for event in events:
                line = {"id": event.id, "event": event.event, "data": msgspec.Raw(event.data.encode())}
                click.echo(msgspec.json.encode(line).decode() if json else f"{event.event:<32} {event.data}")
                seen += 1
                if seen == count:
                    return

    run(act)
