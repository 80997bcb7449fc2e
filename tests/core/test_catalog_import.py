"""The import saga of the catalog: from the command to DEPLOYMENT_DONE or FAILED."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from catalog.documents import IMAGE, JOB, NUMBER, VERSION, number_key
from contracts.errors import Failure
from contracts.events.from_pods import SourceDeleted, SourceKept
from contracts.events.hub import PodConnected, PodDisconnected, VersionDeployed, VersionFailed
from contracts.events.intake import ImageBuilt, ImageBuiltV1
from contracts.manifest import Source
from core.catalog_world import ADA, EVE, SETTINGS, SOURCE, World, disk, manifest, refused, vouched
from core.driver import START


def test_an_import_asks_the_source_pod_and_is_pending_until_it_starts() -> None:
    world = World()
    accepted = world.import_("tools/base", mode="convert", file_type="raw", datastore="fast")
    assert world.said(world.emitted) == ["gallery.created", "image.registered", "version.requested", "source.requested"]
    asked = world.events()[-1]
    assert (asked.pod, asked.attempt, asked.mode, asked.file_type) == ("pod-1", 1, "convert", "raw")
    assert asked.datastore == "fast"
    assert asked.deadline == START + timedelta(seconds=SETTINGS.import_deadline)
    assert {one.saga for one in world.emitted} == {accepted.job}
    assert world.state(accepted.version) == "PENDING"
    assert world.job_state(accepted.job) == "PENDING"


def test_the_states_of_a_good_import() -> None:
    world = World()
    accepted = world.import_()
    assert world.said(world.started(accepted.version)) == ["version.started"]
    assert world.state(accepted.version) == "DEPLOYING_VM"
    assert world.job_state(accepted.job) == "PROCESSING"
    assert world.said(world.prepared(accepted.version)) == ["version.deployed", "image.available"]
    assert world.state(accepted.version) == "DEPLOYMENT_DONE"
    assert world.job_state(accepted.job) == "SUCCESS"
    assert world.version(accepted.version).manifest == vouched(accepted.version, manifest())
    assert world.under_way == {}


def test_a_signature_that_a_pod_puts_into_its_manifest_is_replaced_by_the_hubs() -> None:
    world = World()
    version = world.import_().version
    forged = msgspec.structs.replace(manifest(), signature="hub/another")
    deployed, *_ = [one.event for one in world.prepared(version, of=forged) if isinstance(one.event, VersionDeployed)]
    assert deployed.manifest == vouched(version, manifest())


def test_a_second_version_does_not_make_the_image_available_again() -> None:
    world = World()
    world.deployed()
    second = world.import_()
    assert world.said(world.prepared(second.version)) == ["version.started", "version.deployed"]


def test_a_report_that_overtakes_the_start_is_taken_and_the_late_start_changes_nothing() -> None:
    world = World()
    accepted = world.import_()
    said = world.said(world.prepared(accepted.version))
    assert said == ["version.started", "version.deployed", "image.available"]
    assert world.started(accepted.version) == []
    assert world.state(accepted.version) == "DEPLOYMENT_DONE"


def test_revisions_of_a_version_count_up_without_a_gap() -> None:
    world = World()
    accepted = world.import_()
    world.prepared(accepted.version)
    world.publish()
    about = [e.revision for e in world.events() if type(e).about == "version" and hasattr(e, "revision")]
    assert about == [1, 2, 3, 4]


def test_a_clone_is_never_released_and_a_convert_only_once_the_version_is_durable() -> None:
    world = World()
    clone = world.import_()
    assert "source.released" not in world.said(world.prepared(clone.version))
    convert = world.import_(mode="convert")
    assert world.said(world.started(convert.version)) == ["version.started"]
    said = world.said(world.prepared(convert.version))
    assert said.index("version.deployed") < said.index("source.released")


def test_a_convert_is_released_again_until_the_pod_says_that_the_vm_is_gone() -> None:
    world = World()
    version = world.import_(mode="convert").version
    world.prepared(version)
    assert world.said(world.prepared(version)) == ["source.released"]
    assert world.prepared(version, of=manifest(disk(size=77))) == []
    world.say(SourceDeleted(version=version), "pod:pod-2")
    assert world.said(world.prepared(version)) == ["source.released"]
    world.say(SourceDeleted(version=version), "pod:pod-1")
    assert world.prepared(version) == []


def test_a_convert_is_released_until_its_pod_is_back_and_once_more() -> None:
    world = World()
    version = world.import_(mode="convert").version
    world.prepared(version)
    world.say(PodDisconnected(pod="pod-1", revision=99), "replicator")
    for _ in range(3):
        assert world.said(world.pass_time(SETTINGS.discard_interval)) == ["source.released"]
    world.say(PodConnected(pod="pod-1", revision=100), "replicator")
    assert world.said(world.pass_time(SETTINGS.discard_interval)) == ["source.released"]
    assert not world.under_way


def test_b3_a_convert_whose_source_was_kept_says_so_once_and_by_its_own_pod_only() -> None:
    world = World()
    version = world.import_(mode="convert").version
    early = SourceKept(version=version, why="it was written to")
    world.say(early, "pod:pod-1")
    world.prepared(version)
    world.say(SourceKept(version=version, why="forged"), "pod:pod-2")
    assert world.version(version).warnings == ()
    for _ in range(2):
        world.say(SourceKept(version=version, why="it was written to" + "!" * 9999), "pod:pod-1")
    (warning,) = world.version(version).warnings
    assert warning.startswith("the source was not deleted: it was written to")
    assert len(warning) < 600
    assert not world.under_way
    assert world.state(version) == "DEPLOYMENT_DONE"
    clone = world.import_().version
    world.prepared(clone)
    world.say(SourceKept(version=clone, why="x"), "pod:pod-1")
    assert world.version(clone).warnings == ()


def test_a_convert_whose_source_is_gone_is_released_no_more() -> None:
    world = World()
    version = world.import_(mode="convert").version
    world.prepared(version)
    world.say(SourceDeleted(version=version), "pod:pod-1")
    assert not world.under_way
    clone = world.import_()
    world.prepared(clone.version)
    assert not world.under_way


def test_numbers_count_minors_and_a_failed_import_frees_its_own() -> None:
    world = World()
    first = world.import_()
    assert first.number == "1.0.0"
    world.rejected(first.version)
    again = world.import_()
    assert again.number == "1.0.0"
    world.prepared(again.version)
    one, two = world.import_(), world.import_()
    assert (one.number, two.number) == ("1.1.0", "1.2.0")
    world.rejected(one.version)
    assert world.import_().number == "1.3.0"
    assert world.import_(number="1.1").number == "1.1.0"


def test_a_number_that_is_taken_is_refused_also_while_its_import_runs() -> None:
    world = World()
    world.import_(number="2.0")
    refused(world.import_(number="2.0.0"), "version_exists")
    assert world.import_().number == "2.1.0"


def test_a_freed_number_is_not_freed_again_by_a_repeated_report() -> None:
    world = World()
    first = world.import_()
    world.rejected(first.version)
    second = world.import_()
    world.rejected(first.version)
    claim = world.get(NUMBER, number_key(second.image, "1.0.0"))
    assert claim is not None
    assert claim.id == second.version


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"image": "none", "create": False}, "image_not_found"),
        ({"image": "0" * 32}, "image_not_found"),
        ({"image": "../etc/passwd"}, "image_not_found"),
        ({"image": "a/b/c"}, "image_not_found"),
        ({"image": "x" * 10_000}, "image_not_found"),
        ({"image": "nul\0"}, "image_not_found"),
        ({"image": "line\n"}, "image_not_found"),
        ({"source": Source(pod="pod-9", name="golden")}, "pod_unknown"),
        ({"number": "1"}, "version_number_invalid"),
        ({"number": "1.0.0.0"}, "version_number_invalid"),
        ({"number": "01.0.0"}, "version_number_invalid"),
        ({"number": "1.0.0\n"}, "version_number_invalid"),
        ({"number": "latest"}, "version_number_invalid"),
        ({"source": msgspec.structs.replace(SOURCE, kind="url")}, "source_kind_unsupported"),
        ({"source": msgspec.structs.replace(SOURCE, kind="bundle")}, "source_kind_unsupported"),
    ],
)
def test_what_the_hub_knows_is_refused_at_once_and_changes_nothing(given: dict[str, Any], code: str) -> None:
    world = World()
    before = dict(world.documents)
    given = {"image": "base", **given}
    refused(world.import_(given.pop("image"), **given), code)
    assert world.documents == before
    assert world.emitted == []
    assert world.under_way == {}


def test_another_tenants_image_is_not_there_by_id_and_a_name_is_each_tenants_own() -> None:
    world = World()
    image = world.deployed().image
    refused(world.import_(image, EVE), "image_not_found")
    assert world.import_("base", EVE).image != image


def test_an_image_is_named_by_id_by_gallery_and_name_or_by_name_alone() -> None:
    world = World()
    image = world.register("base").id
    found = {world.import_(text, create=False).image for text in (image, "default/base", "base")}
    assert found == {image}


@pytest.mark.parametrize("pod", ["pod-2", "pod-3"])
def test_a_report_by_another_pod_than_the_source_changes_nothing(pod: str) -> None:
    world = World()
    accepted = world.import_()
    before, rows = dict(world.documents), len(world.writes)
    said = [
        world.started(accepted.version, pod=pod),
        world.prepared(accepted.version, pod=pod),
        world.prepared(accepted.version, pod=pod, of=manifest(source=Source(pod=pod, name="golden"))),
        world.rejected(accepted.version, pod=pod),
        world.say(SourceDeleted(version=accepted.version), f"pod:{pod}", saga=accepted.job),
    ]
    assert said == [[], [], [], [], []]
    assert world.documents == before
    assert len(world.writes) == rows, "nor does it get into the timeline"


def test_a_report_of_another_attempt_changes_nothing() -> None:
    world = World()
    accepted = world.import_()
    before = dict(world.documents)
    assert world.prepared(accepted.version, attempt=2) == []
    assert world.documents == before


@pytest.mark.parametrize("id", ["", "x", "a.b.c", "A" * 32, "0" * 31, "0" * 32 + "\n", "> *"])
def test_a_version_id_that_is_none_is_never_repeated_in_a_subject(id: str) -> None:
    world = World()
    assert world.prepared(id) == []


def test_a_catalog_that_lost_its_database_has_nobody_drop_what_was_prepared_before() -> None:
    world = World()
    assert world.prepared("0" * 32, pod="pod-2") == [], "it may be all that there is of the version"
    assert world.started("0" * 32) == []


def test_a_refusal_by_the_pod_fails_the_version_the_first_image_and_the_job() -> None:
    world = World()
    accepted = world.import_()
    assert world.said(world.rejected(accepted.version)) == ["version.failed", "image.failed"]
    assert world.state(accepted.version) == "FAILED"
    assert world.version(accepted.version).manifest is None
    assert world.job_state(accepted.job) == "FAILURE"
    assert world.job(accepted.job).failure.code == "vm_not_found"
    assert world.under_way == {}


def test_an_image_fails_only_when_no_import_is_left_that_could_save_it() -> None:
    world = World()
    one, two = world.import_(), world.import_()
    assert world.said(world.rejected(one.version)) == ["version.failed"]
    assert world.said(world.rejected(two.version)) == ["version.failed", "image.failed"]
    three = world.import_()
    assert str(world.get(IMAGE, three.image).__struct_config__.tag) == "REGISTERED"  # type: ignore[union-attr]
    assert world.said(world.prepared(three.version))[-1] == "image.available"
    four = world.import_()
    assert world.said(world.rejected(four.version)) == ["version.failed"]


def test_what_a_pod_says_of_a_failure_is_cut_to_known_codes_and_bounded_text() -> None:
    world = World()
    accepted = world.import_()
    world.rejected(accepted.version, failure=Failure(code="<b>new</b>", step="s" * 999, text="t" * 99_999))
    failure = world.version(accepted.version).failure
    assert failure.code == "internal"
    assert len(failure.step) <= 80
    assert len(failure.text) <= 1024


BAD_MANIFESTS = {
    "no disks": msgspec.structs.replace(manifest(), disks=()),
    "two disks of one lun": manifest(disk(), disk("data", 0)),
    "no OS disk first": manifest(disk("data", 0), disk("os", 1)),
    "two OS disks": manifest(disk(), disk("os", 1)),
    "disks out of order": manifest(disk(), disk("data", 3), disk("data", 2)),
    "an empty disk": manifest(disk(size=0)),
    "no virtual size": manifest(disk(virtual_size=0)),
    "an impossible size": manifest(disk(size=2**63)),
    "another pod": manifest(source=Source(pod="pod-2", name="golden")),
    "another VM": manifest(source=Source(pod="pod-1", name="other")),
    "another kind": manifest(source=Source(pod="pod-1", kind="file", name="golden")),
}


@pytest.mark.parametrize("bad", BAD_MANIFESTS.values(), ids=BAD_MANIFESTS.keys())
def test_a_manifest_that_cannot_be_right_fails_the_import_and_leaves_no_bytes(bad: Any) -> None:
    world = World()
    accepted = world.import_()
    assert world.said(world.prepared(accepted.version, of=bad)) == [
        "version.failed",
        "source.discarded",
        "image.failed",
    ]
    assert world.version(accepted.version).failure.code == "manifest_invalid"


def test_more_disks_than_the_os_disk_asked_for_are_refused() -> None:
    world = World()
    accepted = world.import_(source=msgspec.structs.replace(SOURCE, disks="os"))
    world.prepared(accepted.version)
    assert world.version(accepted.version).failure.code == "manifest_invalid"


def test_an_import_that_is_overdue_fails_and_late_bytes_are_discarded() -> None:
    world = World()
    accepted = world.import_()
    world.started(accepted.version)
    silent = world.said(world.pass_time(SETTINGS.import_deadline - 1))
    assert set(silent) == {"source.requested"}, "it is asked again meanwhile"
    said = world.pass_time(2)
    assert world.said(said) == ["version.failed", "source.discarded", "image.failed"]
    assert world.version(accepted.version).failure.code == "deadline_exceeded"
    assert {one.saga for one in said} == {accepted.job}
    assert world.get(NUMBER, number_key(accepted.image, "1.0.0")) is None
    assert world.said(world.prepared(accepted.version)) == ["source.discarded"]
    assert world.started(accepted.version) == []
    assert world.rejected(accepted.version) == []
    assert world.state(accepted.version) == "FAILED"


def test_late_bytes_of_a_failed_import_do_not_touch_the_version_that_took_its_number() -> None:
    world = World()
    first = world.import_()
    world.rejected(first.version)
    second = world.deployed()
    assert second.number == first.number
    assert world.said(world.prepared(first.version)) == ["source.discarded"]
    assert world.state(second.version) == "DEPLOYMENT_DONE"


def test_a_deadline_that_comes_due_after_the_end_changes_nothing() -> None:
    world = World()
    accepted = world.import_()
    reminder = world.reminders[f"import/{accepted.version}"]
    world.prepared(accepted.version)
    before = dict(world.documents)
    assert world.say(reminder.body, "self", saga=reminder.saga) == []
    assert world.documents == before


def test_registering_an_image_twice_is_refused_and_each_tenant_has_its_own_names() -> None:
    world = World()
    view = world.register("base", gallery="tools", description="ours")
    assert (view.state, view.gallery, view.description, view.latest) == ("REGISTERED", "tools", "ours", None)
    refused(world.register("base", gallery="tools"), "image_exists")
    refused(world.register("0123456789abcdef" * 2), "validation_failed")
    assert world.register("base").id != view.id
    assert world.register("base", EVE, gallery="tools").tenant == "evil"


def test_a_build_pipeline_starts_an_import_in_its_own_name() -> None:
    world = World()
    built = ImageBuilt(gallery="golden", image="web", source=SOURCE, tenant="acme", number="3.1", os_type="windows")
    said = world.say(built, "intake:jenkins")
    assert world.said(said) == ["gallery.created", "image.registered", "version.requested", "source.requested"]
    (job,) = world.all(JOB).values()
    assert (job.actor, job.tenant, job.gallery, job.name, job.number) == (
        "intake:jenkins",
        "acme",
        "golden",
        "web",
        "3.1.0",
    )
    assert {one.saga for one in said} == set(world.all(JOB))


def test_the_first_form_of_a_build_pipelines_word_still_starts_an_import() -> None:
    world = World()
    said = world.say(ImageBuiltV1(image="web", pod="pod-1", file="web.qcow2").upcast(), "intake:old")
    assert said[-1].event.source == Source(pod="pod-1", kind="file", name="web.qcow2")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("speaker", "tenant"), [("intake:jenkins", "acme"), ("intake:packer", "lab"), ("intake:unlisted", "default")]
)
def test_whose_image_a_build_pipeline_imports_is_the_operators_to_say(speaker: str, tenant: str) -> None:
    world = World()
    world.say(ImageBuilt(image="web", source=SOURCE), speaker)
    (job,) = world.all(JOB).values()
    assert job.tenant == tenant


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"source": Source(pod="pod-9", name="golden")}, "pod_unknown"),
        ({"number": "1.0"}, "version_exists"),
        ({"tenant": "evil"}, "forbidden"),
    ],
)
def test_a_refused_word_of_a_build_pipeline_is_a_failed_job(given: dict[str, Any], code: str) -> None:
    world = World()
    world.deployed("web")
    jobs = set(world.all(JOB))
    built = ImageBuilt(**{"image": "web", "source": SOURCE, "tenant": ADA.tenant, **given})
    assert world.say(built, "intake:jenkins") == []
    (id,) = set(world.all(JOB)) - jobs
    job = world.job(id)
    assert world.job_state(id) == "FAILURE"
    assert (job.tenant, job.failure.code, job.name, job.version) == (ADA.tenant, code, "web", "")
    assert len(world.all(VERSION)) == 1


def test_every_end_of_an_import_is_said_once() -> None:
    world = World()
    accepted = world.import_()
    for _ in range(3):
        world.rejected(accepted.version)
        world.prepared(accepted.version)
    assert sum(isinstance(event, VersionFailed) for event in world.events()) == 1
