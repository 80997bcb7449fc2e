"""``imprint webhook``: events that are posted to other systems."""

from typing import Any

import click

from contracts.views import DeliveryView, HookView
from imprint.client import Client
from imprint.options import current, run, shared
from imprint.output import print_json, print_table, show, when


@click.group(name="webhook")
@shared
def command() -> None:
    """Webhooks: events posted to an address, signed and retried."""


def _filters(command: Any) -> Any:
    """Adds the options that say which events; none named: any."""
    for option in (
        click.option("--description", help="What it is for."),
        click.option("--secret", help="What deliveries are signed with [default: one is made]."),
        click.option("--pod", "pods", multiple=True, metavar="POD", help="Only about this pod; may be repeated."),
        click.option("--version", "versions", multiple=True, metavar="ID", help="Only about this version (its id)."),
        click.option("--image", "images", multiple=True, metavar="ID", help="Only about this image (its id)."),
        click.option("--event", "events", multiple=True, metavar="TYPE", help="As copy.available, or copy.*."),
    ):
        command = option(command)
    return command


@command.command(name="list")
@shared
def list_() -> None:
    """All webhooks."""
    hooks = run(lambda client: client.webhooks())
    rows = [(one.id, one.url, ", ".join(one.events), _state(one), one.pending, one.dead) for one in hooks]
    columns = ("WEBHOOK", "URL", "EVENTS", "STATE", "PENDING", "DEAD")
    show(hooks, columns, rows, empty="There are no webhooks yet.")


def _state(hook: HookView) -> str:
    if hook.suspended:
        return "suspended"
    return "" if hook.failing is None else f"failing since {when(hook.failing)}"


@command.command()
@click.argument("url")
@_filters
@shared
def add(url: str, **options: Any) -> None:
    """Have events posted to URL; prints the secret with which they are signed, which nobody shows again."""
    view = run(lambda client: client.add_webhook(url, _given(options)))
    _show(view)
    if view.secret is not None and not current().json:
        click.echo(f"Its secret is shown only here: {view.secret}")


@command.command(name="show")
@click.argument("webhook")
@shared
def show_(webhook: str) -> None:
    """A webhook, and how its deliveries go."""
    _show(run(lambda client: client.webhook(webhook)))


@command.command()
@click.argument("webhook")
@click.option("--url", help="Another address.")
@_filters
@click.option("--suspend/--resume", "suspended", default=None, help="Post nothing for now, or go on.")
@click.option("--if-match", type=int, metavar="REVISION", help="Only if nobody changed it since that revision.")
@shared
def change(webhook: str, if_match: int | None, **options: Any) -> None:
    """Change what is named of a webhook."""
    changes = _given(options)
    if not changes:
        raise click.UsageError("Name what is to change.")
    _show(run(lambda client: client.change_webhook(webhook, changes, if_match)))


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """What stands on the command line; repeated options as lists."""
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}
    return {name: value for name, value in values.items() if value is not None and value != []}


@command.command()
@click.argument("webhook")
@shared
def remove(webhook: str) -> None:
    """Remove a webhook with its deliveries."""
    run(lambda client: client.remove_webhook(webhook))
    if current().json:
        print_json({"webhook": webhook, "removed": True})
    else:
        click.echo(f"webhook {webhook} is gone")


@command.command()
@click.argument("webhook")
@shared
def test(webhook: str) -> None:
    """Post a test event, whatever the webhook is for."""
    _delivery(run(lambda client: client.test_webhook(webhook)))


@command.command()
@click.argument("webhook")
@click.option("--state", type=click.Choice(["PENDING", "DELIVERED", "DEAD"]), help="Only those in this state.")
@shared
def deliveries(webhook: str, state: str | None) -> None:
    """What became of each event, newest first."""
    found = run(lambda client: client.deliveries(webhook, state))
    rows = [
        (one.id, one.type_name, one.state, one.attempts, one.status, one.error, when(one.next_attempt),
         when(one.created))
        for one in found
    ]  # fmt: skip
    columns = ("DELIVERY", "EVENT", "STATE", "ATTEMPTS", "STATUS", "ERROR", "NEXT", "CREATED")
    show(found, columns, rows, empty="Nothing was posted yet.")


@command.command()
@click.argument("webhook")
@click.argument("delivery", required=False)
@shared
def redeliver(webhook: str, delivery: str | None) -> None:
    """Try a delivery again that was given up; without one: all of them."""

    async def act(client: Client) -> None:
        await client.redeliver(webhook, delivery)

    run(act)
    if current().json:
        print_json({"webhook": webhook, "delivery": delivery, "redelivered": True})
    else:
        click.echo("on its way" if delivery else "all that was given up is on its way")


def _delivery(view: DeliveryView) -> None:
    if current().json:
        print_json(view)
    else:
        click.echo(f"delivery {view.id} of {view.type_name}: {view.state}")


def _show(view: HookView) -> None:
    if current().json:
        print_json(view)
        return
    click.echo(f"webhook {view.id}  {view.url}  {_state(view)}".rstrip() + f"  (revision {view.revision})")
    rows = [
        ("events", ", ".join(view.events)),
        ("images", ", ".join(view.images)),
        ("versions", ", ".join(view.versions)),
        ("pods", ", ".join(view.pods)),
        ("description", view.description),
        ("pending", str(view.pending)),
        ("dead", str(view.dead)),
    ]
    print_table(("", "VALUE"), [(name, text) for name, text in rows if text])
