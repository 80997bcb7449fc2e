"""What stands on stdout: JSON that programs can read, and tables for people."""

import json

import pytest

from cli.conftest import Imprint
from cli.responder import AT, JOB, Answer, Gateway, accepted, copy, image, job, page, version

IMAGE = "/v1/images/default%2Fgolden"
FAILURE = {"code": "no_space", "step": "transfer", "text": "Full.", "hint": "Make room.", "retry": True}


@pytest.fixture(autouse=True)
def answers(gateway: Gateway) -> None:
    """An image with a version that is on one pod and not on the other."""
    copies = page(copy(), copy(pod="pod-2", state="FAILED", failure=FAILURE, bytes_network=2048))
    gateway.on("GET", "/v1/images", page(image(), image(name="next", latest=None)))
    gateway.on("GET", IMAGE, Answer(body=image()))
    gateway.on("GET", f"{IMAGE}/versions", page(version()))
    for number in ("1.0.0", "latest"):
        gateway.on("GET", f"{IMAGE}/versions/{number}", Answer(body=version(state="PARTIALLY_AVAILABLE")))
    gateway.on("GET", f"/v1/images/{version()['image']}/versions/1.0.0/copies", copies)
    pod = {
        "name": "pod-1", "state": "CONNECTED", "hypervisor": "kvm", "family": "kvm", "connector_version": "0.1.0",
        "address": "http://127.0.0.1:1", "formats": ["raw"], "labels": {}, "dead_letters": 0, "last_seen": AT,
        "datastores": [{"name": "default", "capacity": 10, "free": 5 * 1024 * 1024}],
    }  # fmt: skip
    disks = [{"role": "os", "lun": 0, "format": "qcow2", "size": 4096}]
    vm = {"name": "golden", "os_type": "linux", "power": "off", "locked": False, "disks": disks}
    item = {"version": version()["id"], "datastore": "default", "digest": "3" * 64, "size": 4096}
    gateway.on("GET", "/v1/pods", page(pod))
    gateway.on("GET", "/v1/pods/pod-1/vms", page(vm, at=AT))
    gateway.on("GET", "/v1/pods/pod-2/vms", page(at=None))
    gateway.on("GET", "/v1/pods/pod-1/library", page(item, at=AT))
    said = {"id": "1", "at": AT, "event": "version.requested.v1", "speaker": "catalog", "body": {"type": "x"}}
    gateway.on("GET", "/v1/jobs", page(job(), job(state="FAILURE", failure=FAILURE)))
    gateway.on("GET", f"/v1/jobs/{JOB}", Answer(body=job()))
    gateway.on("GET", f"/v1/jobs/{JOB}/events", page(said))


COMMANDS = [
    (("image", "list"), "default/golden"),
    (("image", "show", "default/golden"), "1.0.0"),
    (("image", "show", "default/golden:1.0.0"), "no_space"),
    (("image", "latest", "default/golden"), "1.0.0"),
    (("pod", "list"), "5.0 MiB"),
    (("pod", "vms", "pod-1"), "qcow2"),
    (("pod", "library", "pod-1"), "default"),
    (("job", "list"), "FAILURE"),
    (("job", "show", JOB), "version.requested.v1"),
    (("job", "watch", JOB), "SUCCESS"),
]


@pytest.mark.parametrize(("arguments", "expected"), COMMANDS, ids=[" ".join(words) for words, _ in COMMANDS])
def test_every_reading_command_prints_a_table_or_one_json_document(
    imprint: Imprint, arguments: tuple[str, ...], expected: str
) -> None:
    table = imprint(*arguments)
    assert table.exit_code == 0, table.output
    assert expected in table.stdout
    before, after = imprint("--output", "json", *arguments), imprint(*arguments, "-o", "json")
    assert json.loads(after.stdout) == json.loads(before.stdout)
    assert before.exit_code == after.exit_code == 0


def test_the_nearest_output_option_wins(imprint: Imprint) -> None:
    with pytest.raises(json.JSONDecodeError):
        json.loads(imprint("--output", "json", "image", "list", "--output", "table").stdout)


def test_json_has_the_names_and_values_of_the_api(imprint: Imprint) -> None:
    found = json.loads(imprint("image", "list", "--output", "json").stdout)
    assert [entry["latest"] for entry in found] == ["1.0.0", None]
    assert {name: found[0][name] for name in image()} == image()


def test_an_accepted_import_prints_its_job(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("POST", f"{IMAGE}/versions", accepted())
    result = imprint("image", "import", "default/golden", "--pod", "pod-1", "--file", "a.raw", "-o", "json")
    assert json.loads(result.stdout)["job"] == JOB


def test_with_wait_json_is_the_job_at_its_end_and_nothing_else(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("POST", f"{IMAGE}/versions", accepted())
    words = ("image", "import", "default/golden", "--pod", "pod-1", "--vm", "golden", "--wait", "-o", "json")
    assert json.loads(imprint(*words).stdout)["state"] == "SUCCESS"
    gateway.on("GET", f"/v1/jobs/{JOB}", Answer(body=job(state="FAILURE", failure=FAILURE)))
    failed = imprint(*words)
    assert failed.exit_code == 1
    assert json.loads(failed.stdout)["failure"] == FAILURE


def test_an_import_says_exactly_what_was_asked_for(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("POST", f"{IMAGE}/versions", accepted())
    words = "image import default/golden --pod pod-1 --file a.vhd --number 2.0.0 --mode convert --file-type vhd"
    imprint(*words.split(), "--os-disk-only", "--os-type", "windows", "--datastore", "fast", "--existing")
    assert gateway.asked[-1].body == {
        "source": {"pod": "pod-1", "kind": "file", "name": "a.vhd", "disks": "os"},
        "mode": "convert", "number": "2.0.0", "file_type": "vhd", "datastore": "fast", "create": False,
        "os_type": "windows",
    }  # fmt: skip


def test_a_publish_says_exactly_what_was_asked_for(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("POST", f"{IMAGE}/versions/1.0.0/republish", accepted())
    imprint("image", "publish", "default/golden:1.0.0", "--pods", "pod-1, pod-2", "--again", "--deadline", "90")
    assert gateway.asked[-1].body == {"targets": {"kind": "list", "pods": ["pod-1", "pod-2"]}, "deadline": 90.0}


def test_latest_on_a_pod_asks_for_that_pod(gateway: Gateway, imprint: Imprint) -> None:
    imprint("image", "latest", "default/golden", "--pod", "pod-2")
    assert gateway.asked[-1].query == {"pod": "pod-2"}


def test_an_empty_list_says_so_on_stderr_only(imprint: Imprint) -> None:
    result = imprint("pod", "vms", "pod-2")
    assert (result.stdout, result.stderr) == ("", "The pod has not sent an inventory yet.\n")
    assert json.loads(imprint("pod", "vms", "pod-2", "-o", "json").stdout)["items"] == []


def test_names_from_outside_are_printed_as_they_are(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("GET", "/v1/images", page(image(latest="[red]1.0.0[/red]")))
    assert "[red]1.0.0[/red]" in imprint("image", "list").stdout
