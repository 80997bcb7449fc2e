"""``imprint pod show``, ``enroll``, ``label``, ``tenants``, ``drain``, ``readmit``, ``remove`` and ``inventory``."""

import click

from contracts.views import PodView
from imprint.client import Client
from imprint.limits import rows as limit_rows
from imprint.options import Token, current, run, shared
from imprint.output import print_json, print_table, size, when
from imprint.sharing import MEMBER
from imprint.terms import Pair


@click.command(name="show")
@click.argument("pod")
@shared
def show_(pod: str) -> None:
    """A pod: its labels, datastores and limits, and what it is doing."""
    view = run(lambda client: client.pod(pod))
    if current().json:
        print_json(view)
        return
    click.echo(f"{view.name}  {view.state}  {view.hypervisor} {view.family}  last seen {when(view.last_seen)}")
    print_table(("", "VALUE"), [(name, text) for name, text in _rows(view) if text])


def _rows(view: PodView) -> list[tuple[str, str]]:
    hours = "open" if view.open else f"closed until {when(view.opens)}" if view.opens else "closed"
    lately = f", lately {size(view.rate)}/s" if view.rate else ""
    return [
        ("labels", _labels(view.labels)),
        ("tenants", ", ".join(view.tenants)),
        *((f"datastore {one.name}", f"{size(one.free)} of {size(one.capacity)} free") for one in view.datastores),
        *limit_rows(view.limits),
        ("hours", hours if view.limits.windows else ""),
        ("copies", f"{view.receiving} under way, {view.queued} waiting{lately}"),
        ("inventory", when(view.inventory_at)),
        ("drift", f"{view.drift} items that nobody asked for" if view.drift else ""),
        ("dead letters", str(view.dead_letters or "")),
        ("connector", view.connector_version),
    ]


def _labels(labels: dict[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))


@click.command()
@click.argument("pod", type=Token())
@click.option("--label", "labels", type=Pair(), multiple=True, metavar="KEY=VALUE", help="May be repeated.")
@click.option("--hours", type=float, default=24.0, show_default=True, help="For how long it may join.")
@shared
def enroll(pod: str, labels: tuple[tuple[str, str], ...], hours: float) -> None:
    """Let a pod join: prints the token with which its connector does; nobody shows it again."""
    view = run(lambda client: client.enroll_pod(pod, dict(labels), hours))
    if current().json:
        print_json(view)
        return
    click.echo(f"IMPRINT_POD={view.pod}\nIMPRINT_ENROLMENT={view.token}")
    folder = f"FOLDER/connector-{view.pod}"
    click.echo(
        f"Start the connector of {view.pod} with these before {when(view.expires)}.\n"
        f"Its login, keys and certificate: imprint admin keys FOLDER --pod {view.pod} ... makes them in {folder}.\n"
        f"Where IMPRINT_ENROLMENT_FILE is set (as by imprint up), the token goes into that file: {folder}/enrolment.",
        err=True,
    )


@click.command()
@click.argument("pod")
@click.argument("labels", nargs=-1, metavar="[KEY=VALUE|KEY-]...")
@shared
def label(pod: str, labels: tuple[str, ...]) -> None:
    """The operator's labels of a pod; KEY=VALUE sets one, KEY- takes it away. They stand above its own."""
    changes = dict(map(_change, labels))

    async def act(client: Client) -> PodView:
        view = await client.pod(pod)
        if not changes:
            return view
        wanted = {key: value for key, value in {**view.own_labels, **changes}.items() if value is not None}
        return await client.set_labels(pod, wanted, view.labels_revision)

    view = run(act)
    if current().json:
        print_json(view)
        return
    rows = [(key, value, "operator" if key in view.own_labels else "pod") for key, value in sorted(view.labels.items())]
    print_table(("LABEL", "VALUE", "SAID BY"), rows, empty="The pod has no labels.")


@click.command()
@click.argument("pod")
@click.argument("tenants", nargs=-1, type=MEMBER, metavar="[MEMBER]...")
@click.option("--everybody", is_flag=True, help="Every tenant may.")
@shared
def tenants(pod: str, tenants: tuple[str, ...], everybody: bool) -> None:
    """Who may use a pod; with MEMBERs (acme, account:x, org:corp) only these, from now on. To others it is not
    there."""
    if tenants and everybody:
        raise click.UsageError("Name those who may use it, or --everybody.")

    async def act(client: Client) -> PodView:
        view = await client.pod(pod)
        if not tenants and not everybody:
            return view
        return await client.set_pod_tenants(pod, tenants, view.tenants_revision)

    view = run(act)
    if current().json:
        print_json(view)
        return
    print_table(("MAY USE IT",), [(one,) for one in view.tenants] or [("every tenant",)])


def _change(text: str) -> tuple[str, str | None]:
    key, equals, value = text.partition("=")
    if equals and key and value:
        return key, value
    if not equals and text.endswith("-") and len(text) > 1:
        return text[:-1], None
    raise click.BadParameter(f"{text!r} is neither KEY=VALUE nor KEY-", param_hint="LABELS")


@click.command()
@click.argument("pod")
@shared
def drain(pod: str) -> None:
    """Let a pod accept nothing new; what it has stays, and is served."""
    _say(run(lambda client: client.set_pod_state(pod, "drain")))


@click.command()
@click.argument("pod")
@shared
def readmit(pod: str) -> None:
    """Let a drained pod accept copies again."""
    _say(run(lambda client: client.set_pod_state(pod, "readmit")))


@click.command()
@click.argument("pod")
@click.option("--force", is_flag=True, help="Also when it is the only pod that holds a version.")
@shared
def remove(pod: str, force: bool) -> None:
    """Take a pod out of the house: its copies count no more; to come back it must be enrolled again."""
    _say(run(lambda client: client.set_pod_state(pod, "remove", force=force)))


@click.command()
@click.argument("pod")
@shared
def inventory(pod: str) -> None:
    """Have a pod look at what it holds, and compare all of it with what should be there."""
    run(lambda client: client.request_inventory(pod))
    if current().json:
        print_json({"pod": pod, "asked": True})
    else:
        click.echo(f"{pod} is asked; imprint pod library {pod} shows what it found.")


def _say(view: PodView) -> None:
    if current().json:
        print_json(view)
    else:
        click.echo(f"{view.name} is {view.state}")
