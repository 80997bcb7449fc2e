"""What the hub knows is refused at once and changes nothing: no event is said, no document is written."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from contracts.errors import Problem
from contracts.requests import CancelPublish, Command, UnpublishVersion
from contracts.terms import Targets
from harness.asking import ACTOR
from harness.house import House
from harness.site import Site
from saga.disks import raw

pytestmark = pytest.mark.asyncio(loop_scope="module")

HUB_STREAMS = ("EVENTS", "TO_PODS", "INTAKE")
HEARD = ("pod", "inventory", "ledger", "entries")
"""Kinds of documents that pods' reports change all the time."""


async def furnish(home: House) -> None:
    """default/there has 1.0.0 published, 1.1.0 deployed, and 1.2.0 failed."""
    if isinstance(await home.version("1.0.0", "default/there"), Problem):
        site: Site = home.site("pod-1")
        site.vm("there", raw(2))
        await home.imported("default/there", name="there")
        await home.published("1.0.0", "default/there")
        await home.imported("default/there", name="there")
        await home.job(await home.import_("default/there", name="nobody"))
    await home.quiet()


Ask = Callable[[House], Awaitable[Any]]


def importing(image: str = "default/there", **more: Any) -> Ask:
    return lambda home: home.import_(image, **more)


def publishing(number: str, image: str = "default/there", **more: Any) -> Ask:
    return lambda home: home.publish(number, image, **more)


def asking(command: type[Command], number: str) -> Ask:
    return lambda home: home.command(command, image="default/there", number=number)


REFUSED: list[tuple[str, str, Ask]] = [
    ("an import from an unknown pod", "pod_unknown", importing(pod="pod-9")),
    ("an import from an unknown pod into a new image", "pod_unknown", importing("default/new", pod="pod-9")),
    ("an import into no image", "image_not_found", importing("default/nowhere", create=False)),
    ("an import into no image by id", "image_not_found", importing("0" * 32)),
    ("an import under a number that is there", "version_exists", importing(number="1.0")),
    ("a publish of no image", "image_not_found", publishing("1.0.0", "default/nowhere")),
    ("a publish of no version", "version_not_found", publishing("7.0.0")),
    ("a publish of latest", "version_number_invalid", publishing("latest")),
    ("a publish of what is no number", "version_number_invalid", publishing("1.0.0.0")),
    ("a publish of what is published", "version_not_ready", publishing("1.0.0")),
    ("a republish of what never was", "version_not_ready", publishing("1.1.0", again=True)),
    ("a publish of what failed", "version_not_found", publishing("1.2.0")),
    ("a publish to an unknown pod", "pod_unknown", publishing("1.1.0", pods=("pod-1", "pod-9"))),
    ("a publish to one pod twice", "validation_failed", publishing("1.1.0", pods=("pod-1", "pod-1"))),
    ("a publish by labels without any", "targets_invalid", publishing("1.1.0", targets=Targets(kind="selector"))),
    ("an unpublish of what never was", "version_not_ready", asking(UnpublishVersion, "1.1.0")),
    ("a cancel of what does not run", "not_cancellable", asking(CancelPublish, "1.0.0")),
    ("a publish that ended yesterday", "validation_failed", publishing("1.1.0", deadline=-86_400.0)),
    ("a publish with a year's time", "validation_failed", publishing("1.1.0", deadline=366 * 86_400.0)),
]


@pytest.mark.parametrize(("code", "ask"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
async def test_what_the_hub_refuses_changes_nothing(home: House, code: str, ask: Ask) -> None:
    await furnish(home)
    before = await state(home)
    answer = await ask(home)
    assert isinstance(answer, Problem), answer
    assert answer.code == code
    assert answer.detail
    assert answer.hint
    await home.quiet()
    assert await state(home) == before


IMPORT = {"type": "command.catalog.import", "id": "f" * 32, "actor": msgspec.to_builtins(ACTOR), "create": True}
UNUSABLE: dict[str, dict[str, Any]] = {
    "a name that climbs": {"image": "default/x", "source": {"pod": "pod-1", "name": "../../etc/passwd"}},
    "a name with NUL": {"image": "default/x", "source": {"pod": "pod-1", "name": "a\0b"}},
    "a name with a line feed": {"image": "default/x", "source": {"pod": "pod-1", "name": "golden\n"}},
    "a name of ten thousand letters": {"image": "default/x", "source": {"pod": "pod-1", "name": "a" * 10_000}},
    "a pod that is a wildcard": {"image": "default/x", "source": {"pod": ">", "name": "golden"}},
    "an unknown mode": {"image": "default/x", "source": {"pod": "pod-1", "name": "golden"}, "mode": "move"},
    "an unknown format": {"image": "default/x", "source": {"pod": "pod-1", "name": "golden"}, "file_type": "vdi"},
    "a number that is none": {"image": "default/x", "source": {"pod": "pod-1", "name": "golden"}, "number": "one"},
    "a source that is none": {"image": "default/x", "source": "golden"},
}


@pytest.mark.parametrize("fields", UNUSABLE.values(), ids=UNUSABLE)
async def test_a_command_with_unusable_fields_is_refused_before_it_is_looked_at(
    home: House, fields: dict[str, Any]
) -> None:
    await furnish(home)
    before = await state(home)
    answer = await home.client.request("command.catalog.import", msgspec.json.encode(IMPORT | fields), timeout=10)
    assert msgspec.json.decode(answer.data, type=Problem).code == "bad_request"
    await home.quiet()
    assert await state(home) == before


@pytest.mark.parametrize("image", ["default/../x", "../x", "default/x/y", "default/", "/x", "default/a\0b", "a" * 9000])
async def test_an_image_that_is_no_name_is_not_found_and_not_made(home: House, image: str) -> None:
    await furnish(home)
    before = await state(home)
    answer = await home.import_(image, name="there")
    assert isinstance(answer, Problem)
    assert answer.code in ("image_not_found", "validation_failed")
    assert len(msgspec.json.encode(answer)) < 1000
    await home.quiet()
    assert await state(home) == before


async def state(home: House) -> Any:
    """What a refusal must leave as it is: what was said by the hub and to it, and what catalog and replicator know."""
    js = home.client.jetstream()
    said = [(await js.stream_info(name)).state.last_seq for name in HUB_STREAMS]
    return said, await home.documents("catalog"), await home.documents("replicator", but=HEARD)


async def test_an_import_of_nothing_is_refused(home: House) -> None:
    await furnish(home)
    before = await state(home)
    answer = await home.client.request(
        "command.catalog.import", msgspec.json.encode(IMPORT | {"image": "a/x"}), timeout=10
    )
    assert msgspec.json.decode(answer.data, type=Problem).code == "source_invalid"
    await home.quiet()
    assert await state(home) == before
