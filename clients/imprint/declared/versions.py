"""The steps about versions and where they are: imported when there are none, published when they are not."""

from collections.abc import Mapping
from typing import Any

import msgspec

from contracts.terms import Targets
from contracts.views import PlacementView, VersionView
from imprint.client import Client
from imprint.declared.difference import Change, current, differing, patch, plain
from imprint.declared.document import ImageToHave, PublishToHave, VersionToHave, said, whole
from imprint.declared.steps import Act, Carrier, Difference, Step, changed_meanwhile
from imprint.exits import ImprintError
from imprint.naming import version_of

IMPORTING = frozenset({"PENDING", "DEPLOYING_VM"})
LEAVING = frozenset({"SOFT_DELETED", "GRACE", "DELETING", "DELETED"})
SAID = ("description", "release_notes", "exclude_from_latest", "end_of_life")
"""What may change of a version that is there."""
SETTLED = frozenset({"SETTLED", "WITHDRAWN"})


def nothing_of(version: VersionView) -> bool:
    """Whether its import failed or was given up: nothing of it stays, and its number is free."""
    return version.manifest is None and version.state in ("FAILED", "CANCELLED")


def imports(image: ImageToHave, text: Mapping[str, Any], there: Mapping[str, VersionView], found: Difference) -> None:
    """The steps about the versions of an image."""
    for version, given in zip(image.versions, text.get("versions") or (), strict=True):
        number = whole(version.number)
        name = f"{image.image}:{number}"
        view = there.get(number)
        if view is None:
            _import(image.image, version, given, found)
        elif view.state in LEAVING:
            hint = f"Bring it back (imprint image restore {name}), or take another number."
            found.conflicts.append((f"version {name} is {view.state}", hint))
        else:
            wanted = said(version, {key: given[key] for key in SAID if key in given})
            changes = differing(wanted, current(view))
            act = _edit(image.image, number, patch(changes), view.revision)
            found.steps.append(
                Step("~", "version", name, changes, act) if changes else Step("=", "version", name)
            )  # fmt: skip


def _import(image: str, version: VersionToHave, given: Mapping[str, Any], found: Difference) -> None:
    number = whole(version.number)
    name = f"{image}:{number}"
    if (version.source is None) == (version.origin is None):
        what = "names no source" if version.source is None else "names two sources"
        found.conflicts.append((f"there is no version {name}, and the file {what}", "Name a source or an origin."))
        return
    wanted = plain(said(version, {key: value for key, value in given.items() if key not in ("number", "publish")}))
    changes = differing(wanted, {})
    if version.origin is not None:
        path, origin = version_of(version.origin)
        wanted["origin"] = {"image": path, "number": origin}

    async def act(carrier: Carrier) -> None:
        accepted = await carrier.client.import_version(
            image, number=number, create=False, mode=version.mode, wanted=wanted
        )  # fmt: skip
        await carrier.followed(accepted)

    found.steps.append(Step("+", "version", name, changes, act))


def _edit(image: str, number: str, changes: dict[str, Any], revision: int) -> Act:
    async def act(carrier: Carrier) -> None:
        await carrier.client.edit_version(image, number, changes, revision)

    return act


async def publishes(
    client: Client, image: ImageToHave, text: Mapping[str, Any], there: Mapping[str, VersionView], found: Difference
) -> None:
    """The steps about where the versions of an image are to be. Raises ImprintError."""
    for version, given in zip(image.versions, text.get("versions") or (), strict=True):
        if version.publish is None:
            continue
        number = whole(version.number)
        name = f"{image.image}:{number}"
        placement = await _placement(client, image.image, number) if number in there else None
        if placement is None or placement.state == "WITHDRAWN":
            body = terms(version.publish, given["publish"])
            step = Step("+", "publish", name, differing(body, {}) or ALL, _publish(image.image, number, body))
        else:
            step = _brought_on(image.image, number, version.publish, given["publish"], placement)
        found.steps.append(step)


ALL = (Change(field="targets", old=None, new={"kind": "all"}),)


async def _placement(client: Client, image: str, number: str) -> PlacementView | None:
    try:
        return await client.placement(image, number)
    except ImprintError as error:
        if error.problem.status != 404:
            raise
        return None


def targets(publish: PublishToHave) -> dict[str, Any] | None:
    """Where it is to be, as the API has it; None: on all pods."""
    if publish.pods:
        return {"kind": "list", "pods": list(publish.pods)}
    if not publish.select:
        return None
    labels = {key: [value] if isinstance(value, str) else list(value) for key, value in publish.select.items()}
    return {"kind": "selector", "selector": {"labels": labels, "match": publish.match}}


def terms(publish: PublishToHave, given: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a first publish."""
    body = plain(said(publish, {key: value for key, value in given.items() if key not in ("pods", "select", "match")}))
    where = targets(publish)
    return {**({"targets": where} if where else {}), **{key: value for key, value in body.items() if value is not None}}


def _publish(image: str, number: str, body: dict[str, Any]) -> Act:
    async def act(carrier: Carrier) -> None:
        await carrier.version_out_of(image, number, IMPORTING)
        accepted = await carrier.client.publish(image, number, body)
        if carrier.wait:
            await carrier.followed(accepted)

    return act


def _brought_on(
    image: str, number: str, publish: PublishToHave, given: Mapping[str, Any], placement: PlacementView
) -> Step:
    """The step that brings a version that is published to where it is to be as well; it leaves no pod."""
    name = f"{image}:{number}"
    where = targets(publish)
    moved: tuple[Change, ...] = ()
    edits: dict[str, Any] = {}
    if publish.pods:
        add = [pod for pod in publish.pods if pod not in placement.pods]
        if add:
            moved = (Change(field="pods", old=list(placement.pods), new=[*placement.pods, *add]),)
            edits["add"] = add
    elif where is not None and msgspec.convert(where, Targets) != placement.targets:
        moved = (Change(field="targets", old=plain(placement.targets), new=where),)
    asked = said(publish, {key: given[key] for key in ("replicas", "overrides", "priority") if key in given})
    there = {
        "replicas": placement.replicas,
        **{key: current(placement.terms)[key] for key in ("overrides", "priority")},
    }
    changes = differing({key: value for key, value in asked.items() if value is not None}, there)
    edits |= patch(changes)
    if not (moved or changes):
        return Step("=", "publish", name)
    target = where if moved and "add" not in edits else None
    return Step("~", "publish", name, (*moved, *changes), _bring_on(image, number, target, edits, placement.revision))


def _bring_on(
    image: str, number: str, target: dict[str, Any] | None, edits: dict[str, Any], revision: int
) -> Act:  # fmt: skip
    async def act(carrier: Carrier) -> None:
        client = carrier.client
        if target is not None:
            if (await client.placement(image, number)).revision != revision:
                raise changed_meanwhile(f"The placement of {image}:{number}")
            await client.publish(image, number, {"targets": target}, again=True)
        if edits:
            await client.edit_placement(image, number, edits, revision if target is None else None)
        if carrier.wait:
            await carrier.until(lambda: _settled(client, image, number), f"{image}:{number}")

    return act


async def _settled(client: Client, image: str, number: str) -> PlacementView | None:
    placement = await client.placement(image, number)
    return placement if placement.state in SETTLED else None
