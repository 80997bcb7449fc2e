"""Another system says that an image was built: with our headers, with those of CloudEvents, or with none."""

import json
from typing import Any

import pytest

from contracts.events.intake import ImageBuilt
from contracts.requests import DeadLetterPage, ListDeadLetters, ListJobs
from contracts.views import JobView
from harness.asking import ACTOR
from harness.digests import sha256_of
from harness.house import House
from runtime.ids import new_id
from saga.disks import raw

pytestmark = pytest.mark.asyncio(loop_scope="module")

BUILT = "intake.jenkins.image.built"


def v1(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "image.built.v1", "image": name, "pod": "pod-1", "file": f"{name}.raw"} | more


def v2(name: str, **more: Any) -> dict[str, Any]:
    source = {"pod": "pod-1", "kind": "file", "name": f"{name}.raw"}
    return {"type": "image.built.v2", "image": name, "source": source, "file_type": "raw"} | more


async def jobs(home: House, image: str, ended: int = 1) -> list[JobView]:
    """The jobs of an image, oldest first, once that many of them have ended."""

    async def found() -> list[JobView]:
        page = await home.ask(ListJobs(actor=ACTOR))
        ours = [job for job in reversed(page.items) if job.name == image]
        return ours if sum(job.state in ("SUCCESS", "FAILURE") for job in ours) == ended else []

    return list(await home.record.until(found))


@pytest.mark.parametrize("form", [v1, v2], ids=["v1", "v2"])
@pytest.mark.parametrize("headers", ["none", "cloudevents", "ours"])
async def test_a_built_image_is_imported_whichever_form_and_headers_it_comes_with(
    home: House, form: Any, headers: str
) -> None:
    name, content = f"web-{form.__name__}-{headers}", raw(3)
    home.site("pod-1").file(f"{name}.raw", content)
    given = {"none": None, "cloudevents": {"ce-id": new_id(), "ce-type": "x"}, "ours": {"Nats-Msg-Id": new_id()}}
    await home.client.publish(BUILT, json.dumps(form(name)).encode(), headers=given[headers])
    (job,) = await jobs(home, name)
    assert (job.state, job.number, job.actor) == ("SUCCESS", "1.0.0", "intake:jenkins")
    version = await home.version("1.0.0", f"default/{name}")
    assert [disk.sha256 for disk in version.manifest.disks] == [sha256_of(content)]


async def test_a_vm_of_a_gallery_is_converted_where_the_pipeline_says_so(home: House) -> None:
    home.site("pod-2").vm("built", raw(2))
    source = {"pod": "pod-2", "name": "built"}
    said = {"type": "image.built.v2", "gallery": "ci", "image": "vm", "source": source, "mode": "convert"}
    await home.client.publish(BUILT, json.dumps(said | {"number": "4.0"}).encode())
    (job,) = await jobs(home, "vm")
    assert (job.gallery, job.number, job.state) == ("ci", "4.0.0", "SUCCESS")
    await home.record.until(lambda: not home.site("pod-2").has_vm("built"))


@pytest.mark.parametrize("header", ["Nats-Msg-Id", "ce-id"])
async def test_an_image_that_is_said_twice_under_one_id_is_imported_once(home: House, header: str) -> None:
    name = f"twice-{header.lower()}"
    home.site("pod-1").file(f"{name}.raw", raw(2))
    for _ in range(2):
        await home.client.publish(BUILT, json.dumps(v2(name)).encode(), headers={header: f"build-{name}"})
    await jobs(home, name)
    await home.quiet()
    assert len(await jobs(home, name)) == 1


async def test_a_later_build_of_the_same_image_is_the_next_version(home: House) -> None:
    home.site("pod-1").file("nightly.raw", raw(2))
    for build in range(2):
        await home.client.publish(BUILT, json.dumps(v2("nightly")).encode(), headers={"ce-id": f"nightly-{build}"})
        await jobs(home, "nightly", build + 1)
    assert [job.number for job in await jobs(home, "nightly", 2)] == ["1.0.0", "1.1.0"]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (v1("unknown-pod", pod="pod-9"), "pod_unknown"),
        (v2("unknown-file"), "file_not_found"),
    ],
    ids=["the hub", "the pod"],
)
async def test_a_built_image_that_is_refused_is_a_job_that_failed(home: House, said: dict[str, Any], code: str) -> None:
    await home.client.publish(BUILT, json.dumps(said).encode())
    (job,) = await jobs(home, said["image"])
    assert job.state == "FAILURE"
    assert job.failure is not None
    assert job.failure.code == code
    assert job.failure.hint


async def test_words_that_are_no_event_are_put_on_record_and_hold_up_nobody(home: House) -> None:
    home.site("pod-1").file("after.raw", raw(2))
    words = [b"\xff\xfe", b"{}", b'{"type": "image.built.v9"}', json.dumps(v2("../x")).encode()]
    for body in words:
        await home.client.publish(BUILT, body)
    await home.client.publish("intake.jenkins.image.burnt", b"?")
    await home.client.publish(BUILT, json.dumps(v2("after")).encode())
    (job,) = await jobs(home, "after")
    assert job.state == "SUCCESS"
    page = await home.ask(ListDeadLetters(actor=ACTOR), service="catalog")
    assert isinstance(page, DeadLetterPage)
    kinds = sorted(letter.kind for letter in page.items)
    assert kinds == ["bad_body", "bad_body", "bad_body", "unknown_type"]


async def test_what_a_pipeline_says_in_the_first_form_is_what_the_newest_form_says(home: House) -> None:
    home.site("pod-1").file("same.raw", raw(2))
    await home.client.publish(BUILT, json.dumps(v1("same")).encode())
    await jobs(home, "same")
    (heard,) = home.record.of(ImageBuilt, image="same")
    assert heard.event == ImageBuilt(image="same", source=heard.event.source)
