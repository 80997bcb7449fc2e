"""Disk files through the gateway: sent to a pod, imported, published, and read back; and a rotten copy made good.

Real gateway, hub and connectors, certificates at every door.
"""

import base64
import hashlib
import random
import socket
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
import zstandard

from contracts.events.hub import CopyLost
from contracts.manifest import CHUNK
from contracts.requests import GetPodLibrary
from gateway.server import Gateway, gateway
from harness.asking import ACTOR
from harness.digests import sha256_of
from harness.house import TOKEN, House
from runtime.ids import new_id
from saga.disks import raw, sparse_raw

pytestmark = pytest.mark.asyncio(loop_scope="module")

BEARER = {"Authorization": f"Bearer {TOKEN}"}
TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(home: House, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with gateway(home.door_settings(tmp_path_factory.mktemp("gateway"))) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def http(door: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=door.url, headers=BEARER, timeout=30, trust_env=False) as client:
        yield client


async def begun(http: httpx.AsyncClient, size: int, name: str, **more: Any) -> str:
    body = {"pod": "pod-1", "name": name} | more
    answer = await http.post("/v1/uploads", json=body, headers={"Upload-Length": str(size)})
    assert answer.status_code == 201, answer.text
    assert answer.headers["tus-resumable"] == "1.0.0"
    return answer.headers["location"]


def digest(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


async def published(home: House, name: str, content: bytes, *pods: str) -> str:
    """The image of a published version 1.0.0 with this content."""
    image = f"default/{name}"
    home.site("pod-1").file(f"{name}.raw", content)
    await home.imported(image, kind="file", name=f"{name}.raw")
    job, _ = await home.published("1.0.0", image, pods=pods)
    assert job.state == "SUCCESS", job
    return image


def content_url(image: str, lun: int = 0) -> str:
    return f"/v1/images/{image}/versions/1.0.0/disks/{lun}/content"


async def test_a13_a_file_that_is_sent_imported_and_published_comes_back_with_the_same_digest(
    home: House, http: httpx.AsyncClient
) -> None:
    content = sparse_raw(50)
    location = await begun(http, len(content), "sent.raw", sha256=sha256_of(content))
    at = 0
    for some in (1, 70_000, 4 * CHUNK + 5, len(content)):
        answer = await http.patch(location, content=content[at : at + some], headers=TUS | {"Upload-Offset": str(at)})
        at = min(at + some, len(content))
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(at)), answer.text
    assert answer.headers["repr-digest"] == digest(content)
    head = await http.head(location)
    assert (head.status_code, head.headers["upload-offset"], head.headers["upload-length"]) == (200, str(at), str(at))
    image = "default/sent"
    await home.imported(image, kind="file", name="sent.raw", mode="convert")
    job, _ = await home.published("1.0.0", image)
    assert job.state == "SUCCESS"
    await home.quiet()
    assert not (home.site("pod-1").root / "incoming" / "sent.raw").exists()
    answer = await http.get(content_url(image))
    assert answer.status_code == 200
    assert answer.content == content
    assert answer.headers["repr-digest"] == digest(content)
    assert answer.headers["content-length"] == str(len(content))
    assert answer.headers["content-disposition"] == 'attachment; filename="sent-1.0.0-0.raw"'
    described = await http.head(content_url(image))
    assert (described.status_code, described.headers["content-length"]) == (200, str(len(content)))
    assert described.headers["repr-digest"] == digest(content)


async def test_a_plain_put_sends_a_file_whole_or_in_parts(home: House, http: httpx.AsyncClient) -> None:
    content = random.Random(2).randbytes(300_000)
    location = await begun(http, len(content), "whole.raw")
    answer = await http.put(location, content=content)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["offset"], answer.json()["sha256"]) == (len(content), sha256_of(content))
    location = await begun(http, len(content), "parts.raw")
    for first, last in ((0, 99_999), (100_000, 299_999)):
        part = {"Content-Range": f"bytes {first}-{last}/300000"}
        answer = await http.put(location, content=content[first : last + 1], headers=part)
        assert answer.status_code == 200, answer.text
    assert answer.json()["sha256"] == sha256_of(content)
    incoming = home.site("pod-1").root / "incoming"
    assert (incoming / "whole.raw").read_bytes() == (incoming / "parts.raw").read_bytes() == content


async def test_a_client_that_hangs_up_midway_goes_on_where_the_pod_is(http: httpx.AsyncClient, door: Gateway) -> None:
    content = random.Random(3).randbytes(5_000_000)
    location = await begun(http, len(content), "cut.raw")
    parts = urlsplit(door.url)
    with socket.create_connection((parts.hostname, parts.port)) as line:
        head = (
            f"PATCH {location} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
            f"Content-Type: application/offset+octet-stream\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        line.sendall(head.encode() + content[:3_000_000])
    while True:
        at = int((await http.head(location)).headers["upload-offset"])
        assert at <= 3_000_000
        answer = await http.patch(location, content=content[at:], headers=TUS | {"Upload-Offset": str(at)})
        if answer.status_code != 409:
            break
    assert (answer.status_code, answer.headers["repr-digest"]) == (204, digest(content))


async def test_uploads_are_refused_with_stable_codes(home: House, http: httpx.AsyncClient) -> None:
    location = await begun(http, 1000, "refused.raw")
    patch = TUS | {"Upload-Offset": "0"}
    tampered = location[:-3] + ("AAA" if location[-3:] != "AAA" else "BBB")
    tries = [
        (await http.patch(location, content=b"x", headers=TUS | {"Upload-Offset": "7"}), 409, "upload_offset"),
        (await http.patch(location, content=b"x" * 1001, headers=patch), 413, "body_too_large"),
        (await http.patch(location, content=iter_of(b"x" * 1000, b"y"), headers=patch), 413, "body_too_large"),
        (await http.patch(location, content=b"x", headers=TUS), 400, "bad_request"),
        (await http.patch(location, content=b"x", headers={"Upload-Offset": "0"}), 415, "unsupported_media_type"),
        (await http.patch(location, content=b"x", headers=patch | {"Tus-Resumable": "0.2.2"}), 412, "upload_protocol"),
        (await http.patch(location, content=b"x", headers=patch | {"Origin": "http://evil"}), 403, "cross_origin"),
        (await http.patch(location, content=b"x", headers=patch | {"Upload-Checksum": "md5 AA=="}), 400, "bad_request"),
        (await http.patch(tampered, content=b"x", headers=patch), 404, "upload_not_found"),
        (await http.patch("/v1/uploads/nonsense", content=b"x", headers=patch), 404, "upload_not_found"),
        (await http.put(location, content=b"x", headers={"Content-Range": "bytes 5-2/1000"}), 400, "bad_request"),
        (await http.put(location, content=b"x"), 400, "bad_request"),
        (await http.post("/v1/uploads", json={"pod": "pod-1", "name": "a.raw"}), 400, "bad_request"),
        (await http.post("/v1/uploads", json={"pod": "pod-1", "name": "../a"}, headers={"Upload-Length": "1"}), 422,
         "validation_failed"),
        (await http.post("/v1/uploads", json={"pod": "pod-9", "name": "a"}, headers={"Upload-Length": "1"}), 404,
         "pod_not_found"),
        (await http.post("/v1/uploads", json={"pod": "pod-1", "name": "a"}, headers={"Upload-Length": str(2**45)}), 507,
         "no_space"),
    ]  # fmt: skip
    for answer, status, code in tries:
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert tries[0][0].headers["upload-offset"] == "0"
    home.site("pod-1").file("there.raw", b"x")
    answer = await http.post("/v1/uploads", json={"pod": "pod-1", "name": "there.raw"}, headers={"Upload-Length": "1"})
    assert (answer.status_code, answer.json()["code"]) == (409, "file_exists")
    checksum = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    answer = await http.patch(location, content=b"x", headers=patch | {"Upload-Checksum": f"sha256 {checksum}"})
    assert (answer.status_code, answer.json()["code"]) == (460, "checksum_mismatch")
    assert (await http.delete(location)).status_code == 204
    assert (await http.head(location)).status_code == 404


async def iter_of(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_a_tus_client_describes_its_file_in_a_header_and_learns_what_is_spoken(http: httpx.AsyncClient) -> None:
    spoken = await http.options("/v1/uploads")
    assert spoken.headers["tus-version"] == "1.0.0"
    assert spoken.headers["tus-extension"] == "creation,checksum,termination"

    def text(value: str) -> str:
        return base64.b64encode(value.encode()).decode()

    said = f"pod {text('pod-1')},filename {text('tus.raw')},filetype {text('any')}"
    answer = await http.post("/v1/uploads", headers={"Upload-Length": "3", "Upload-Metadata": said})
    assert answer.status_code == 201, answer.text
    location = answer.headers["location"]
    checksum = base64.b64encode(hashlib.sha1(b"123", usedforsecurity=False).digest()).decode()
    headers = TUS | {"Upload-Offset": "0", "Upload-Checksum": f"sha1 {checksum}"}
    answer = await http.patch(location, content=b"123", headers=headers)
    assert answer.headers["repr-digest"] == digest(b"123")


async def test_the_same_key_goes_on_with_the_same_upload(http: httpx.AsyncClient) -> None:
    headers = {"Upload-Length": "10", "Idempotency-Key": new_id()}
    first = await http.post("/v1/uploads", json={"pod": "pod-1", "name": "key.raw"}, headers=headers)
    location = first.headers["location"]
    await http.patch(location, content=b"12345", headers=TUS | {"Upload-Offset": "0"})
    again = await http.post("/v1/uploads", json={"pod": "pod-1", "name": "key.raw"}, headers=headers)
    assert (again.headers["location"], again.json()["offset"]) == (location, 5)


@pytest.mark.parametrize(
    ("range", "status", "begin", "end"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=65535-4300000", 206, 65_535, 4_300_001),
        ("bytes=5000000-", 206, 5_000_000, None),
        ("bytes=-17", 206, -17, None),
        ("bytes=0-99999999999", 206, 0, None),
        ("bytes=5-2", 200, 0, None),
        ("bytes=0-1,3-4", 200, 0, None),
        ("lines=1-2", 200, 0, None),
    ],
)
async def test_an_export_can_begin_and_end_anywhere(
    home: House, http: httpx.AsyncClient, range: str, status: int, begin: int, end: int | None
) -> None:
    content = raw(100, seed=7)
    image = "default/ranges"
    if "1.0.0" not in [getattr(await home.version("1.0.0", image), "number", "")]:
        await published(home, "ranges", content, "pod-2")
    answer = await http.get(content_url(image), headers={"Range": range})
    assert answer.status_code == status
    assert answer.content == content[begin:end]
    if status == 206:
        place = begin if begin >= 0 else len(content) + begin
        assert answer.headers["content-range"] == f"bytes {place}-{place + len(answer.content) - 1}/{len(content)}"
    beyond = await http.get(content_url(image), headers={"Range": f"bytes={len(content)}-"})
    assert (beyond.status_code, beyond.json()["code"]) == (416, "range_not_satisfiable")


async def test_zeros_and_all_else_go_compressed_to_who_asks_for_it(home: House, http: httpx.AsyncClient) -> None:
    content = b"text that shrinks " * 20_000 + bytes(30_000_000) + random.Random(1).randbytes(5_000_000)
    content = raw(1)[:512] + content[512:]
    image = await published(home, "packed", content, "pod-1")
    for headers, begin in (({}, 0), ({"Range": "bytes=1234567-"}, 1_234_567)):
        answer = await http.get(content_url(image), headers={"Imprint-Wire": "zstd", **headers})
        assert answer.headers["imprint-wire"] == "zstd"
        with zstandard.ZstdDecompressor().stream_reader(answer.content, read_across_frames=True) as reader:
            assert reader.read() == content[begin:]
        assert len(answer.content) < 6_000_000


async def test_exports_are_refused_with_stable_codes(home: House, http: httpx.AsyncClient) -> None:
    image = await published(home, "denied", raw(2), "pod-1")
    home.site("pod-1").file("unpublished.raw", raw(2))
    await home.imported("default/unpublished", kind="file", name="unpublished.raw")
    tries = [
        (content_url(image, 5), 404, "not_found"),
        (content_url("default/nothing"), 404, "image_not_found"),
        (content_url(image).replace("1.0.0", "9.0.0"), 404, "version_not_found"),
        (content_url("default/unpublished"), 404, "version_not_found"),
    ]
    for url, status, code in tries:
        answer = await http.get(url)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        assert (await http.head(url)).status_code == status


async def test_another_holder_gives_what_the_first_one_lost(home: House, http: httpx.AsyncClient) -> None:
    content = raw(150, seed=9)
    image = await published(home, "holders", content, "pod-2", "pod-3")
    version = (await home.version("1.0.0", image)).id
    for pod in ("pod-1", "pod-2"):
        disk = home.site(pod).disk(version, 0)
        disk.rename(disk.with_suffix(".away"))
    answer = await http.get(content_url(image))
    assert answer.content == content


async def test_a_rotten_copy_is_found_not_served_repaired_by_its_chunks_and_available_again(
    home: House, http: httpx.AsyncClient
) -> None:
    content = raw(120, seed=11)
    image = await published(home, "rotten", content)
    version = await home.version("1.0.0", image)
    before = home.site("pod-2").rot(version.id, 77 * CHUNK + 5)
    home.more["pod-2"] = {"scrub_days": 0.00001}
    await home.stop("pod-2")
    await home.start("pod-2")

    async def repaired() -> bool:
        (copy,) = [c for pod, c in (await home.copies(version.id)).items() if pod == "pod-2"]
        found = home.site("pod-2").disk(version.id, 0)
        return copy.state == "AVAILABLE" and found.stat().st_ino != before

    await home.record.until(repaired, 30)
    assert home.site("pod-2").disk(version.id, 0).read_bytes() == content
    copies = await home.copies(version.id)
    assert copies["pod-2"].bytes_network < 4 * CHUNK
    assert copies["pod-2"].attempt == 2
    (lost,) = home.record.of(CopyLost, version=version.id)
    assert isinstance(lost.event, CopyLost)
    assert (lost.event.pod, lost.event.state, lost.event.failure.code) == ("pod-2", "CORRUPT", "bit_rot")

    async def reported() -> bool:
        page = await home.ask(GetPodLibrary(actor=ACTOR, pod="pod-2"))
        return {item.state for item in page.items if item.version == version.id} == {"INTACT"}

    await home.record.until(reported, 30)
