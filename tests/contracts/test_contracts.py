"""The contracts: who says what, and that what was ever said can be read for ever."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import msgspec
import pytest

from contracts import codec, topology
from contracts.errors import CODES, FAILURES
from contracts.events import EVENT_TYPES, SPEAKERS, Event, Speaker, from_pods, hub, intake, to_pods
from contracts.manifest import Disk, Manifest, Source
from contracts.names import format_number, parse_number
from contracts.requests import REPLIES

GOLDEN = Path(__file__).parent.parent / "golden"
NAMES = sorted(kind.type_name() for kind in EVENT_TYPES)


@pytest.mark.parametrize("name", NAMES)
def test_every_event_that_was_ever_said_still_decodes(name: str) -> None:
    body = (GOLDEN / "events" / f"{name}.json").read_bytes()
    event = codec.decode(body)
    assert not hasattr(event, "upcast"), "decoding upcasts until it is stable"
    assert codec.decode(codec.encode(event)) == event


def test_there_is_no_golden_file_without_its_type() -> None:
    assert sorted(path.stem for path in (GOLDEN / "events").iterdir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_field_is_ignored_so_that_an_additive_change_needs_no_new_version(name: str) -> None:
    body = json.loads((GOLDEN / "events" / f"{name}.json").read_bytes())
    assert codec.decode(json.dumps({**body, "added_later": {"x": [1]}}).encode()) == codec.decode(
        json.dumps(body).encode()
    )


def test_an_old_intake_event_is_upcast_to_the_newest_form() -> None:
    old = b'{"type":"image.built.v1","image":"golden","pod":"pod-1","file":"disk.qcow2","file_type":"qcow2"}'
    assert codec.decode(old) == intake.ImageBuilt(
        image="golden", source=Source(pod="pod-1", kind="file", name="disk.qcow2"), file_type="qcow2"
    )


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", codec.BadBodyError),
        (b"\xff\xfe", codec.BadBodyError),
        (b"[]", codec.BadBodyError),
        (b'{"no":"type"}', codec.BadBodyError),
        (b'{"type":7}', codec.BadBodyError),
        (b'{"type":"pod.connected.v1"}', codec.BadBodyError),
        (b'{"type":"pod.connected.v9","pod":"p"}', codec.UnknownTypeError),
        (b'{"type":"image.built.v2","image":"../etc","source":{"pod":"p","name":"x"}}', codec.BadBodyError),
        (b"[" * 100_000, codec.BadBodyError),
    ],
)
def test_what_cannot_be_read_says_whether_the_type_or_the_body_is_wrong(body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        codec.decode(body)


def test_each_event_type_has_exactly_one_speaker_and_a_field_that_it_is_about() -> None:
    said = [kind for kinds in SPEAKERS.values() for kind in kinds]
    assert len(said) == len(set(said))
    assert set(said) == set(_subclasses(Event))
    assert len({kind.type_name() for kind in said}) == len(said)
    for kind in said:
        noun, verb, version = kind.type_name().split(".")
        assert noun
        assert verb
        assert version.startswith("v")
        assert kind.about in kind.__struct_fields__


def test_the_same_words_are_never_said_by_two_speakers_in_one_stream() -> None:
    words: dict[tuple[str, str], Speaker] = {}
    for who, kinds in SPEAKERS.items():
        for kind in kinds:
            assert words.setdefault((topology.STREAM_OF[kind], kind.words()), who) is who


def test_a_subject_tells_its_speaker_and_ends_in_the_id() -> None:
    event = hub.CopyAvailable(
        copy="v_pod-1_0", version="v", image="i", pod="pod-1", attempt=1, digest="d", bytes_network=0, bytes_reused=0,
        revision=3,
    )  # fmt: skip
    assert topology.subject(event) == "event.copy.available.v_pod-1_0"
    assert topology.speaker("EVENTS", "event.copy.available.v_pod-1_0") == "replicator"
    started = from_pods.SourceStarted(version="v", attempt=1)
    assert topology.subject(started, "pod-1") == "from.pod.pod-1.source.started.v"
    assert topology.speaker("FROM_PODS", "from.pod.pod-1.source.started.v") == "pod:pod-1"
    assert topology.speaker("INTAKE", "intake.jenkins.image.built") == "intake:jenkins"
    withdrawn = to_pods.CopyWithdrawn(pod="pod-2", copy="c", version="v", attempt=1)
    assert topology.subject(withdrawn) == "to.pod.pod-2.copy.withdrawn.c"
    assert topology.speaker("TO_PODS", "to.pod.pod-2.copy.withdrawn.c") == "replicator"
    with pytest.raises(ValueError, match="not for this speaker"):
        topology.subject(started)


@pytest.mark.parametrize("id", ["", "a.b", "a b", "*", ">", "a\n", "a\r\nPUB x 0\r\n", "\x00", "\u00e9", "c" * 129])
def test_nothing_is_said_about_what_would_be_no_token_of_its_subject(id: str) -> None:
    with pytest.raises(ValueError, match="token"):
        topology.subject(to_pods.CopyWithdrawn(pod="pod-2", copy=id, version="v", attempt=1))


def test_every_event_in_every_stream_fits_its_filters_and_its_limit() -> None:
    for kind in EVENT_TYPES:
        body = (GOLDEN / "events" / f"{kind.type_name()}.json").read_bytes()
        assert len(body) < topology.MAX_MESSAGE // 4
        stream = topology.STREAM_BY_NAME[topology.STREAM_OF[kind]]
        assert topology.subject_filter(kind).split(".")[0] == stream.subjects[0].split(".")[0]


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.type_name())
def test_what_an_event_is_about_is_one_token_of_its_subject(kind: type[Event]) -> None:
    event = codec.decode((GOLDEN / "events" / f"{kind.type_name()}.json").read_bytes())
    if topology.STREAM_OF[type(event)] == "INTAKE":
        return  # said by other systems, on subjects without an id
    subject = topology.subject(event, pod="pod-1")
    assert subject.count(".") == topology.subject_filter(type(event)).count("."), subject


def test_headers_are_cloudevents_in_binary_mode_and_the_time_comes_back() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    headers = codec.headers(hub.PodConnected, id="1" * 32, at=at, speaker="replicator", saga="2" * 32, cause="3")
    assert headers["ce-time"] == "2026-01-02T03:04:05.678901Z"
    assert datetime.fromisoformat(headers["ce-time"]) == at
    assert headers["traceparent"] == f"00-{'2' * 32}-{'1' * 16}-01"


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.0", (1, 0, 0)), ("1.0.0", (1, 0, 0)), ("1.10.0", (1, 10, 0)), ("0.0.1", (0, 0, 1)), ("1", None),
     ("1.0.0.0", None), ("01.0.0", None), ("1.0.-1", None), ("1.0.0\n", None), ("latest", None), ("١.0", None)],
)  # fmt: skip
def test_version_numbers_are_three_integers(text: str, number: tuple[int, int, int] | None) -> None:
    assert parse_number(text) == number
    if number is not None:
        assert parse_number(format_number(number)) == number


@pytest.mark.parametrize(
    "name", ["", "../etc", "a/b", ".hidden", "ends.", "nul\0", "line\n", "a" * 81, "ümlaut", "a b", "a\\b", "-x"]
)
def test_a_name_that_could_be_more_than_a_name_is_refused(name: str) -> None:
    body = {"type": "image.built.v2", "image": name, "source": {"pod": "p", "name": "x"}}
    with pytest.raises(codec.BadBodyError):
        codec.decode(json.dumps(body).encode())
    body = {"type": "image.built.v2", "image": "x", "source": {"pod": "p", "name": name}}
    with pytest.raises(codec.BadBodyError):
        codec.decode(json.dumps(body).encode())


def test_a_manifest_digest_depends_on_the_content_alone() -> None:
    disk = Disk(role="os", lun=0, format="raw", size=1, virtual_size=1, root="a" * 64, sha256="b" * 64)
    one = Manifest(disks=(disk,), source=Source(pod="p", name="x"), created=datetime(2026, 1, 1, tzinfo=UTC))
    same = Manifest(disks=(disk,), source=Source(pod="q", name="y"), created=datetime(2027, 1, 1, tzinfo=UTC))
    other = msgspec.structs.replace(one, disks=(msgspec.structs.replace(disk, root="c" * 64),))
    assert one.digest == same.digest
    assert one.digest != other.digest


def test_codes_are_stable_words_with_a_sensible_status() -> None:
    for code, (status, title) in CODES.items():
        assert code == code.lower()
        assert 400 <= status < 600
        assert title
    assert all(FAILURES.values())


def test_a_manifest_without_traits_is_signed_as_before_there_were_any() -> None:
    bare = Manifest(disks=(), source=Source(pod="pod-1", name="golden"), created=datetime(2024, 1, 1, tzinfo=UTC))
    marked = msgspec.structs.replace(bare, signature="s", traits=("iso",))
    assert b"traits" not in bare.signed
    assert json.loads(bare.signed).keys() == {"disks", "source", "created", "signature"}
    assert marked.signed != bare.signed
    assert json.loads(marked.signed) == json.loads(bare.signed) | {"traits": ["iso"]}
    assert marked.digest == bare.digest


def test_the_asyncapi_document_is_accepted_by_the_asyncapi_schema() -> None:
    printed = subprocess.run([sys.executable, "-m", "contracts.asyncapi"], capture_output=True, check=True).stdout
    document = json.loads(printed)
    schema = json.loads((GOLDEN / "asyncapi-3.0.0.schema.json").read_bytes())
    jsonschema.Draft7Validator(schema).validate(document)
    assert set(document["channels"]) == {*NAMES, *(request.subject() for request in REPLIES)}
    for name in NAMES:
        payload = document["components"]["messages"][name]["payload"]
        body = json.loads((GOLDEN / "events" / f"{name}.json").read_bytes())
        wanted = {**payload, "components": document["components"]}
        jsonschema.Draft202012Validator(wanted).validate(body)


def test_the_asyncapi_schema_refuses_a_broken_document() -> None:
    schema = json.loads((GOLDEN / "asyncapi-3.0.0.schema.json").read_bytes())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate({"asyncapi": "3.0.0", "info": {"title": "no version"}})


def _subclasses(kind: type[Event]) -> list[type[Event]]:
    return [*kind.__subclasses__(), *(deeper for sub in kind.__subclasses__() for deeper in _subclasses(sub))]
