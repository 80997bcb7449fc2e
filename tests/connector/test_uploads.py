"""Files sent to a pod's door: real sockets, real files; in pieces, cut off, twice at once, and by who may not."""

import base64
import hashlib
import http.client
import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pods import Pod

from connector import arriving, bodies
from connector.admission import Tickets, UploadTickets
from connector.backends.arrivals import Arrivals
from connector.backends.directory import DirectoryBackend
from connector.transfer.server import Door
from connector.transfer.shelf import LibraryShelf
from connector.uploads import Uploads
from contracts.names import GATEWAY
from runtime.ids import new_id
from runtime.signing import PrivateKey
from runtime.tickets import Signer, Ticket
from runtime.upload_tickets import UploadSigner, UploadTicket

CHUNK = 64 * 1024
Pods = Callable[..., Pod]


@dataclass
class Answer:
    status: int
    offset: int | None
    sha256: str | None
    code: str


@dataclass
class Sender:
    """Who sends: to one pod's door, with tickets of its own making."""

    port: int
    pod: Pod
    signer: UploadSigner
    id: str = field(default_factory=new_id)
    name: str = "disk.raw"
    size: int = 0

    def ticket(self, **more: Any) -> str:
        said: dict[str, Any] = {
            "bearer": GATEWAY, "pod": self.pod.name, "name": self.name, "size": self.size, "id": self.id,
            "expires": datetime.now(UTC) + timedelta(minutes=5),
        } | more  # fmt: skip
        return self.signer.ticket(UploadTicket(**said))

    def ask(self, method: str, body: Any = None, *, token: str | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            named["Authorization"] = f"Bearer {token or self.ticket()}"
            connection.request(method, f"/v1/uploads/{self.id}", body, named)
            response = connection.getresponse()
            said = response.read()
            offset = response.getheader("Upload-Offset")
            code = msgspec.json.decode(said)["code"] if response.status >= 400 and said else ""
            return Answer(response.status, int(offset) if offset else None, response.getheader("Imprint-Sha256"), code)
        finally:
            connection.close()

    def begin(self, **headers: str) -> Answer:
        return self.ask("POST", **headers)

    def append(self, offset: int, body: Any, **headers: str) -> Answer:
        return self.ask("PATCH", body, Upload_Offset=str(offset), **headers)

    def cut(self, offset: int, body: bytes, length: int) -> None:
        """Send a part of what was announced, and hang up."""
        with socket.create_connection(("127.0.0.1", self.port)) as line:
            head = (
                f"PATCH /v1/uploads/{self.id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.ticket()}\r\n"
                f"Upload-Offset: {offset}\r\nContent-Length: {length}\r\n\r\n"
            )
            line.sendall(head.encode() + body)
            line.shutdown(socket.SHUT_WR)
            line.recv(1)

    @property
    def incoming(self) -> Path:
        return self.pod.folder / "incoming"

    def files(self) -> list[str]:
        return sorted(os.listdir(self.incoming))


@pytest.fixture
def key() -> PrivateKey:
    return PrivateKey.generate()


@pytest.fixture
def door(tmp_path: Path, key: PrivateKey, pods: Pods) -> Iterator[Callable[..., Sender]]:
    """A pod whose door takes uploads; makes senders."""
    public = tmp_path / "upload.pub"
    public.write_bytes(key.public.pem)
    pod = pods("pod-1", door=False)
    uploads = Uploads(pod.backend.arrivals, pod.name, UploadTickets(public))
    opened = Door(LibraryShelf(pod.backend), Tickets(public), "127.0.0.1", 0, routes=uploads.routes)
    port = opened.open()
    yield lambda **more: Sender(port, pod, UploadSigner(key), **more)
    opened.close()


def content(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 4095, CHUNK, 3 * CHUNK + 17, 5 * 1024 * 1024 + 3])
def test_a_file_sent_at_once_is_an_incoming_file_with_its_digest(door: Callable[..., Sender], size: int) -> None:
    data = content(size)
    sender = door(size=size)
    begun = sender.begin(Imprint_Sha256=sha(data))
    assert (begun.status, begun.offset) == (201, 0)
    if size:
        sent = sender.append(0, data)
        assert (sent.status, sent.offset, sent.sha256) == (204, size, sha(data))
    assert (sender.incoming / "disk.raw").read_bytes() == data
    assert sender.ask("HEAD") == Answer(200, size, sha(data), "")
    assert [name for name in sender.files() if not name.endswith(".json")] == ["disk.raw"]


def test_a_file_sent_in_odd_pieces_is_the_same_file(door: Callable[..., Sender]) -> None:
    data = content(700_001)
    sender = door(size=len(data))
    sender.begin()
    at = 0
    for some in (1, 4094, 4097, 65_536, 300_000, 1, len(data)):
        piece = data[at : at + some]
        answer = sender.append(at, piece)
        at += len(piece)
        assert (answer.status, answer.offset) == (204, at)
    assert answer.sha256 == sha(data)
    assert (sender.incoming / "disk.raw").read_bytes() == data


@pytest.mark.parametrize("sent", [0, 1, 4096, 65_537, 2 * 1024 * 1024 + 1, 3_000_000 - 1])
def test_an_upload_cut_anywhere_goes_on_where_it_was(door: Callable[..., Sender], sent: int) -> None:
    data = content(3_000_000)
    sender = door(size=len(data))
    sender.begin()
    sender.cut(0, data[:sent], len(data))
    deadline = time.monotonic() + 10
    while True:
        at = sender.ask("HEAD").offset
        assert at is not None
        assert at <= sent
        answer = sender.append(at, data[at:])
        if answer.code not in ("upload_busy", "upload_offset") or time.monotonic() > deadline:
            break
    assert (answer.status, answer.sha256) == (204, sha(data))
    assert (sender.incoming / "disk.raw").read_bytes() == data


def test_what_was_promised_survives_a_restart_and_is_hashed_again(
    door: Callable[..., Sender], tmp_path: Path, key: PrivateKey
) -> None:
    data = content(500_000)
    sender = door(size=len(data))
    sender.begin()
    assert sender.append(0, data[:123_457]).offset == 123_457
    # What an unpromised write left behind a crash: rubbish behind the offset, where zeros are to come.
    with (sender.incoming / f".upload-{sender.id}").open("r+b") as file:
        file.seek(123_457)
        file.write(b"rubbish")
    data = data[:123_457] + bytes(100_000) + data[223_457:]
    backend = DirectoryBackend(sender.pod.folder)
    uploads = Uploads(backend.arrivals, sender.pod.name, UploadTickets(tmp_path / "upload.pub"))
    fresh = Door(LibraryShelf(backend), Tickets(tmp_path / "upload.pub"), "127.0.0.1", 0, routes=uploads.routes)
    again = Sender(fresh.open(), sender.pod, sender.signer, sender.id, size=len(data))
    try:
        assert again.ask("HEAD").offset == 123_457
        answer = again.append(123_457, data[123_457:])
        assert (answer.status, answer.sha256) == (204, sha(data))
        assert (again.incoming / "disk.raw").read_bytes() == data
    finally:
        fresh.close()
        backend.close()


def test_zeros_are_left_as_holes(door: Callable[..., Sender]) -> None:
    size = 64 * 1024 * 1024
    data = content(CHUNK) + bytes(size - 2 * CHUNK) + content(CHUNK)
    sender = door(size=size)
    sender.begin()
    assert sender.append(0, data).sha256 == sha(data)
    assert (sender.incoming / "disk.raw").stat().st_blocks * 512 <= 4 * CHUNK


def test_a_wrong_offset_is_refused_with_the_right_one(door: Callable[..., Sender]) -> None:
    sender = door(size=1000)
    sender.begin()
    sender.append(0, b"x" * 100)
    for offset in (0, 99, 101, 1000):
        answer = sender.append(offset, b"y")
        assert (answer.status, answer.code, answer.offset) == (409, "upload_offset", 100)
    assert sender.ask("PATCH", b"y").code == "bad_request"
    assert sender.ask("PATCH", b"y", Upload_Offset="-1").code == "bad_request"


def test_two_writers_do_not_meet(door: Callable[..., Sender]) -> None:
    data = content(1000)
    sender = door(size=len(data))
    sender.begin()
    with socket.create_connection(("127.0.0.1", sender.port)) as slow:
        head = (
            f"PATCH /v1/uploads/{sender.id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sender.ticket()}\r\n"
            "Upload-Offset: 0\r\nContent-Length: 1000\r\n\r\n"
        )
        slow.sendall(head.encode() + data[:10])
        deadline = time.monotonic() + 10
        while (answer := sender.append(10, b"")).code == "upload_offset" and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (answer.status, answer.code) == (409, "upload_busy")
        slow.sendall(data[10:])
        assert slow.recv(100).startswith(b"HTTP/1.1 204")
    assert (sender.incoming / "disk.raw").read_bytes() == data


def test_a_body_longer_than_what_is_to_come_is_refused_whole(door: Callable[..., Sender]) -> None:
    sender = door(size=1000)
    sender.begin()
    sender.append(0, b"x" * 400)
    assert sender.append(400, b"y" * 601).code == "body_too_large"
    pieces = iter([b"y" * 600, b"z"])  # chunked: nobody can tell its length before its end
    answer = sender.append(400, pieces)
    assert (answer.status, answer.code) == (413, "body_too_large")
    assert sender.ask("HEAD").offset == 400
    assert sender.append(400, b"y" * 600).sha256 == sha(b"x" * 400 + b"y" * 600)


def test_a_file_that_is_not_what_was_declared_begins_anew(door: Callable[..., Sender]) -> None:
    data = content(1000)
    sender = door(size=1000)
    sender.begin(Imprint_Sha256=sha(data))
    assert sender.append(0, data[::-1]).code == "checksum_mismatch"
    assert sender.ask("HEAD").offset == 0
    assert "disk.raw" not in sender.files()
    assert sender.append(0, data).sha256 == sha(data)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_piece_with_a_checksum_counts_whole_or_not_at_all(door: Callable[..., Sender], algorithm: str) -> None:
    data = content(200_000)
    sender = door(size=len(data))
    sender.begin()

    def checksum(piece: bytes) -> str:
        return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, piece).digest()).decode()}"

    assert sender.append(0, data[:90_000], Upload_Checksum=checksum(data[:90_000])).offset == 90_000
    wrong = sender.append(90_000, b"\1" * 110_000, Upload_Checksum=checksum(data[90_000:]))
    assert wrong.code == "checksum_mismatch"
    assert sender.ask("HEAD").offset == 90_000
    zeros = data[:90_000] + bytes(110_000)
    answer = sender.append(90_000, zeros[90_000:], Upload_Checksum=checksum(zeros[90_000:]))
    assert answer.sha256 == sha(zeros)
    assert (sender.incoming / "disk.raw").read_bytes() == zeros
    assert sender.ask("PATCH", b"", Upload_Offset="0", Upload_Checksum="md5 AAAA").code == "bad_request"


def test_no_file_is_replaced(door: Callable[..., Sender]) -> None:
    first, second = door(size=3), door(size=3)
    first.begin()
    second.begin()
    (first.incoming / "other.raw").write_bytes(b"kept")
    assert door(name="other.raw", size=3).begin().code == "file_exists"
    assert first.append(0, b"one").status == 204
    answer = second.append(0, b"two")
    assert (answer.status, answer.code) == (409, "file_exists")
    assert (first.incoming / "disk.raw").read_bytes() == b"one"
    assert second.ask("HEAD").offset == 3
    (first.incoming / "disk.raw").unlink()
    assert second.append(3, b"").sha256 == sha(b"two")


def test_what_does_not_fit_is_refused_before_its_first_byte(
    door: Callable[..., Sender], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Arrivals, "free", lambda _: 3 * 1024 * 1024)
    one = door(size=1024 * 1024)
    assert one.begin().status == 201
    answer = door(name="b.raw", size=2 * 1024 * 1024).begin()
    assert (answer.status, answer.code) == (507, "no_space")
    assert one.files() == [f".upload-{one.id}", f".upload-{one.id}.json"]
    monkeypatch.setattr(Arrivals, "free", lambda _: 1000)
    assert one.append(0, b"x").code == "no_space"


def test_a_disk_that_fills_up_on_the_way_keeps_what_was_promised(
    door: Callable[..., Sender], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = content(6 * 1024 * 1024)
    sender = door(size=len(data))
    sender.begin()
    assert sender.append(0, data[:1000]).offset == 1000
    real = arriving._write

    def full(fd: int, view: memoryview, offset: int) -> None:
        if view and offset >= 4 * 1024 * 1024:
            raise OSError(28, "No space left on device")
        real(fd, view, offset)

    monkeypatch.setattr(arriving, "_write", full)
    answer = sender.append(1000, data[1000:])
    assert (answer.status, answer.code) == (507, "no_space")
    kept = sender.ask("HEAD").offset
    assert kept == 4 * 1024 * 1024
    monkeypatch.setattr(arriving, "_write", real)
    assert sender.append(kept, data[kept:]).sha256 == sha(data)
    assert (sender.incoming / "disk.raw").read_bytes() == data


def test_an_upload_can_be_given_up_also_after_its_end(door: Callable[..., Sender]) -> None:
    half, whole = door(name="a.raw", size=10), door(name="b.raw", size=3)
    half.begin()
    half.append(0, b"12345")
    whole.begin()
    whole.append(0, b"123")
    assert half.ask("DELETE").status == 204
    assert half.append(5, b"6").code == "upload_not_found"
    assert half.ask("DELETE").status == 404
    (whole.incoming / ".b.raw.lock").write_text("version")
    assert whole.ask("DELETE").status == 204
    assert whole.files() == [".b.raw.lock", "b.raw"]


def test_a_repeated_beginning_finds_the_upload_and_a_used_up_one_begins_anew(door: Callable[..., Sender]) -> None:
    sender = door(size=3)
    sender.begin()
    sender.append(0, b"12")
    assert sender.begin().offset == 2
    sender.append(2, b"3")
    assert sender.begin() == Answer(201, 3, sha(b"123"), "")
    (sender.incoming / "disk.raw").unlink()
    assert sender.begin() == Answer(201, 0, None, "")


def test_a_crash_between_the_last_byte_and_the_name_is_made_good(door: Callable[..., Sender]) -> None:
    sender = door(size=3)
    sender.begin()
    sender.append(0, b"123")
    # As if the process had died after the link, before the old name went, or before the link.
    os.link(sender.incoming / "disk.raw", sender.incoming / f".upload-{sender.id}")
    assert sender.ask("HEAD").sha256 == sha(b"123")
    os.rename(sender.incoming / "disk.raw", sender.incoming / f".upload-{sender.id}")
    assert sender.ask("HEAD").sha256 == sha(b"123")
    assert sender.files() == [f".upload-{sender.id}.json", "disk.raw"]


def test_old_uploads_expire_and_complete_files_stay(door: Callable[..., Sender]) -> None:
    old, young, whole = door(name="a.raw", size=9), door(name="b.raw", size=9), door(name="c.raw", size=1)
    for sender in (old, young, whole):
        sender.begin()
    whole.append(0, b"x")
    for sender in (old, whole):
        os.utime(sender.incoming / f".upload-{sender.id}.json", (0, 0))
    old.pod.backend.arrivals.expire(3600)
    assert old.files() == [f".upload-{young.id}", f".upload-{young.id}.json", "c.raw"]


def test_nobody_gets_in_without_a_ticket_for_this_upload_on_this_pod(
    door: Callable[..., Sender], key: PrivateKey
) -> None:
    sender = door(size=3)
    sender.begin()
    past = datetime.now(UTC) - timedelta(seconds=1)
    later = past + timedelta(hours=1)
    chunk_ticket = Signer(key).sign(Ticket(pod=GATEWAY, version="v", roots=(), expires=later))
    refused = {
        "expired": (401, sender.ticket(expires=past)),
        "another pod's": (403, sender.ticket(pod="pod-2")),
        "another upload's": (403, sender.ticket(id=new_id())),
        "another key's": (401, UploadSigner(PrivateKey.generate()).ticket(
            UploadTicket(bearer=GATEWAY, pod="pod-1", name="disk.raw", size=3, id=sender.id, expires=later)
        )),
        "a ticket for chunks": (401, chunk_ticket),
        "rubbish": (401, "rubbish"),
    }  # fmt: skip
    for why, (status, token) in refused.items():
        for method in ("POST", "HEAD", "PATCH", "DELETE"):
            answer = sender.ask(method, token=token, Upload_Offset="0")
            assert answer.status == status, (why, method)
    other = sender.ask("HEAD", token=sender.ticket(size=4))
    assert other.status == 404
    assert sender.ask("PUT").status == 405


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", ".hidden", "..", "x" * 81, "a\0b", ""])
def test_no_name_leads_out_of_the_folder(door: Callable[..., Sender], name: str) -> None:
    sender = door(name=name, size=3)
    answer = sender.begin()
    assert (answer.status, answer.code) == (400, "bad_request")
    assert sender.files() == []


def test_a_link_in_the_place_of_an_upload_is_not_followed(door: Callable[..., Sender], tmp_path: Path) -> None:
    sender = door(size=3)
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (sender.incoming / f".upload-{sender.id}").symlink_to(victim)
    assert sender.begin().status >= 400
    assert victim.read_bytes() == b"precious"


def test_an_upload_that_was_cut_goes_on_without_reading_what_is_there(
    door: Callable[..., Sender], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = content(3_000_000)
    sender = door(size=len(data))
    sender.begin()
    sender.cut(0, data[:2_000_000], len(data))
    deadline = time.monotonic() + 10
    while (at := sender.ask("HEAD").offset or 0) == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    read: list[int] = []
    real = os.pread
    monkeypatch.setattr(arriving.os, "pread", lambda fd, some, place: read.append(some) or real(fd, some, place))
    while (answer := sender.append(at, data[at:])).code == "upload_busy" and time.monotonic() < deadline:
        time.sleep(0.01)
    monkeypatch.undo()
    assert (answer.status, answer.sha256) == (204, sha(data))
    assert read == []


def test_nobody_who_sends_waits_for_what_is_there_to_be_hashed_after_a_restart(
    door: Callable[..., Sender], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = content(500_000)
    sender = door(size=len(data))
    sender.begin()
    sender.append(0, data[:100_000])
    backend = DirectoryBackend(sender.pod.folder)
    uploads = Uploads(backend.arrivals, sender.pod.name, UploadTickets(tmp_path / "upload.pub"))
    fresh = Door(LibraryShelf(backend), Tickets(tmp_path / "upload.pub"), "127.0.0.1", 0, routes=uploads.routes)
    again = Sender(fresh.open(), sender.pod, sender.signer, sender.id, size=len(data))
    hashing = arriving.Writer._hashed
    begun: list[int] = []
    monkeypatch.setattr(arriving.Writer, "_hashed", lambda self: begun.append(self.offset) or hashing(self))
    try:
        assert again.append(100_000, data[100_000:200_000]).offset == 200_000
        assert begun == []
        assert again.append(200_000, data[200_000:]).sha256 == sha(data)
        assert begun == [500_000]
    finally:
        fresh.close()
        backend.close()


def test_a_file_that_took_the_place_of_an_uploaded_one_is_not_taken_for_it(door: Callable[..., Sender]) -> None:
    sender = door(size=3)
    sender.begin()
    assert sender.append(0, b"123").sha256 == sha(b"123")
    taken = sender.incoming / "disk.raw"
    inode = taken.stat().st_ino
    taken.write_bytes(b"456")  # as `cp` does; a new file often gets the number of one that was removed, too
    assert taken.stat().st_ino == inode
    assert sender.ask("DELETE").status == 204
    assert taken.read_bytes() == b"456"
    assert sender.begin().code == "file_exists"


def test_two_who_give_an_upload_its_name_at_once_do_not_disturb_each_other(
    door: Callable[..., Sender], monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = door(size=3)
    sender.begin()
    sender.append(0, b"123")
    os.rename(sender.incoming / "disk.raw", sender.incoming / f".upload-{sender.id}")  # as a crash may leave it
    real = os.link

    def link(*names: Any, **options: Any) -> None:
        monkeypatch.undo()
        os.rename(sender.incoming / f".upload-{sender.id}", sender.incoming / "disk.raw")  # the other one is faster
        real(*names, **options)

    monkeypatch.setattr(os, "link", link)
    assert sender.ask("HEAD") == Answer(200, 3, sha(b"123"), "")
    assert (sender.incoming / "disk.raw").read_bytes() == b"123"


def test_a_sender_that_drips_counts_as_gone(door: Callable[..., Sender], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SILENCE", 0.3)
    sender = door(size=1000)
    sender.begin()
    with socket.create_connection(("127.0.0.1", sender.port), timeout=10) as slow:
        head = (
            f"PATCH /v1/uploads/{sender.id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sender.ticket()}\r\n"
            "Upload-Offset: 0\r\nContent-Length: 1000\r\n\r\n"
        )
        slow.sendall(head.encode())
        slow.settimeout(0.05)
        for _ in range(60):
            with suppress(TimeoutError, ConnectionError):
                slow.sendall(b"x")
                assert slow.recv(1) in (b"", b"H")
                break
        else:
            raise AssertionError("it goes on for ever")
    at = sender.ask("HEAD").offset
    assert at is not None
    assert 0 < at < 60
