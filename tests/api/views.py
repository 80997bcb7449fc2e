"""Canned views: what the services would say."""

from datetime import UTC, datetime

import msgspec

from contracts.definition import Details, Flavour, Identifier, Namespace, Property
from contracts.desktops import DataDisk, Seat, Shape
from contracts.errors import Failure
from contracts.events.from_pods import Datastore, VmDisk
from contracts.keeping import Quota, Retention, Rule, SoftDelete, Usage
from contracts.manifest import Disk, Manifest, Source
from contracts.names import copy_id
from contracts.preparation import Signature
from contracts.terms import Policy, Selector, Targets, Terms
from contracts.views import (
    AncestorView,
    AssignmentView,
    AuditView,
    CertificateView,
    CopyCounts,
    CopyView,
    DeliveryView,
    EnrolmentView,
    FlavourView,
    GalleryView,
    HookView,
    ImageView,
    ItemView,
    JobRow,
    JobView,
    MarkerView,
    MetricsView,
    Moved,
    NamespaceView,
    Placed,
    PlacementView,
    PlanRow,
    PodView,
    PolicyView,
    PoolView,
    QuotaView,
    RetentionView,
    RolloutView,
    SeatView,
    TimelineView,
    UserView,
    Validation,
    VersionView,
    VictimView,
    VmView,
)

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
IMAGE = "0" * 31 + "1"
VERSION = "0" * 31 + "2"
JOB = "0" * 31 + "3"
HOOK = "0" * 31 + "5"
GALLERY = "0" * 31 + "7"
ASSIGNMENT = "0" * 31 + "8"
COPY = copy_id(VERSION, "pod-2", 0)

SOURCE = Source(pod="pod-1", kind="vm", name="golden-vm")
DISK = Disk(role="os", lun=0, format="qcow2", size=1000, virtual_size=4000, root="a" * 64, sha256="b" * 64)
MANIFEST = Manifest(disks=(DISK,), source=SOURCE, created=AT)
COUNTS = CopyCounts(wanted=3, available=1, failed=1)
FAILURE = Failure(code="no_space", step="transfer", text="The datastore is full.", hint="Free some space.", retry=True)

image = ImageView(
    id=IMAGE, gallery="default", name="debian", tenant="default", state="AVAILABLE", os_type="linux",
    os_state="generalized", generation="V1", architecture="x64", description="", latest="1.0.0", created=AT, revision=2,
    identifier=Identifier(publisher="acme", offer="desktop", sku="std"), tags={"team": "a"}, usable=True, versions=1,
    details=Details(properties={"acme.tier": 1}, hold_until_validated=True), next_number="1.1.0",
)  # fmt: skip
version = VersionView(
    id=VERSION, image=IMAGE, gallery="default", name="debian", number="1.0.0", tenant="default", state="REPLICATING",
    source=SOURCE, manifest=MANIFEST, copies=COUNTS, failure=None, job=JOB, created=AT, updated=AT, revision=4,
    validations=(Validation(kind="boot", status="Succeeded", at=AT),),
    where=(Placed(pod="pod-2", state="REPLICATING"),),
    deactivated=True,
    signature=Signature(value="c2lnbmF0dXJl", key_type="RSA-PSS", certificate="vendor"),
    markers=("prod",),
)  # fmt: skip
copy = CopyView(
    id=COPY, version=VERSION, pod="pod-2", replica=0, datastore="ds", state="REPLICATING", attempt=2, digest=None,
    bytes_total=1000, failure=None, history=(FAILURE,), next_attempt=None, updated=AT,
)  # fmt: skip
pod = PodView(
    name="pod-1", state="ONLINE", hypervisor="kvm", family="directory", connector_version="0.1.0",
    address="http://127.0.0.1:1", formats=("raw", "qcow2"), labels={"site": "north"},
    datastores=(Datastore(name="ds", capacity=10, free=5),), dead_letters=0, last_seen=AT,
)  # fmt: skip
vm = VmView(
    name="golden-vm", os_type="linux", power="off", locked=False,
    disks=(VmDisk(role="os", lun=0, format="qcow2", size=1000),),
)  # fmt: skip
item = ItemView(version=VERSION, datastore="ds", digest="c" * 64, size=1000)
job = JobView(
    id=JOB, kind="publish", state="PROCESSING", image=IMAGE, gallery="default", name="debian", version=VERSION,
    number="1.0.0", actor="admin", copies=COUNTS, failure=FAILURE, created=AT, updated=AT,
    rows=(JobRow(pod="pod-2", state="REPLICATING", bytes=10, total=1000),), bytes=10, total=3000, percent=0.3,
    position=2,
)  # fmt: skip
entry = TimelineView(
    id="0" * 31 + "4", at=AT, event="copy.started.v1", speaker="replicator",
    body=msgspec.Raw(b'{"type":"copy.started.v1","copy":"x"}'),
)  # fmt: skip
placement = PlacementView(
    version=VERSION, image=IMAGE, tenant="default", publication=1, targets=Targets(), pods=("pod-1", "pod-2"),
    replicas=1, terms=Terms(), deadline=AT, state="RUNNING", copies={"AVAILABLE": 1, "REPLICATING": 1}, wanted=2,
    revision=7,
)  # fmt: skip
plan = PlanRow(pod="pod-2", replica=0, action="copy", sources=("pod-1",), estimate=12.5)
policy = PolicyView(
    name="edge", policy=Policy(selector=Selector(labels={"site": ("north",)})), pods=("pod-1",), revision=3, updated=AT
)
enrolment = EnrolmentView(pod="pod-9", token="abc.def", labels={"site": "north"}, expires=AT)
hook = HookView(
    id=HOOK, url="http://hooks.test/x", events=("copy.*",), images=(), versions=(), pods=(), description="",
    suspended=False, created=AT, revision=2,
)  # fmt: skip
delivery = DeliveryView(
    id="d-1", hook=HOOK, event="0" * 31 + "6", type_name="copy.available.v1", state="DEAD", attempts=9, status=500,
    error="It answered 500.", created=AT, updated=AT,
)  # fmt: skip
metrics = MetricsView(
    copies={"AVAILABLE": 8, "FAILED": 1}, pods={"CONNECTED": 3}, bytes_network={"pod-1": 4096, "pod-2": 512},
    bytes_reused=1024, lag=2, lag_seconds=61.5, converged=((60.0, 3), (None, 4)), converged_sum=99.5,
    queued={"default": 2},
)  # fmt: skip
gallery = GalleryView(
    id=GALLERY, name="default", tenant="default", description="", quota=Quota(versions=100),
    usage=Usage(images=1, versions=2, bytes=3000), soft_delete=SoftDelete(enabled=True), created=AT, revision=3,
)  # fmt: skip
quota = QuotaView(tenant="default", quota=Quota(galleries=5), usage=Usage(galleries=1), revision=7)
retention = RetentionView(
    retention=Retention(name="old", action="DELETE", rule=Rule(by="AGE", value=6, unit="MONTHS")), revision=1, ran=AT
)
victim = VictimView(
    image=IMAGE, gallery="default", name="debian", version=VERSION, number="1.0.0", action="DELETE", reason="Old."
)
flavour = FlavourView(flavour=Flavour(name="thin", models=("T1", "T2")), images=1, revision=2)
namespace = NamespaceView(
    namespace=Namespace(name="acme", properties={"tier": Property(type="integer", minimum=1)}), revision=4
)
audit = AuditView(
    sequence=1, at=AT, tenant="default", actor="admin", action="image.changed", about=IMAGE, command="edit_image",
    before={"description": ""}, after={"description": "x"}, previous="", hash="d" * 64,
)  # fmt: skip
certificate = CertificateView(
    name="vendor", pem="-----BEGIN CERTIFICATE-----\n", subject="CN=vendor", fingerprint="e" * 64, not_before=AT,
    not_after=AT,
)  # fmt: skip
ancestor = AncestorView(version="0" * 31 + "9", image=IMAGE, number="0.9.0", state="DELETED", depth=1)
user = UserView(assignment=ASSIGNMENT, name="desks", pod="pod-2", seats=2, users=1, wanted=True, last_used=AT)
marker = MarkerView(
    image=IMAGE, name="prod", version=VERSION, number="1.0.0", revision=2, assignments=1,
    history=(Moved(version=VERSION, number="1.0.0", at=AT, actor="admin"),),
    rollout=RolloutView(version=VERSION, number="1.0.0", ring=1, rings=2, state="RUNNING"),
)  # fmt: skip
pool = PoolView(
    pod="pod-2", state="IN_SYNC", version=VERSION, number="1.0.0", wanted=VERSION, wanted_number="1.0.0", seats=2,
    ready=2, users=1, last_used=AT, updated=AT,
)  # fmt: skip
assignment = AssignmentView(
    id=ASSIGNMENT, name="desks", tenant="default", image=IMAGE, gallery="default", image_name="debian", marker="prod",
    version=VERSION, number="1.0.0", kind="desktop", state="IN_SYNC", pods=(pool,), seats=2, customisation=None,
    shape=Shape(vcpus=2), disks=(DataDisk(lun=1, size_gib=10),), warnings=("Fewer vCPUs than recommended.",), job=JOB,
    created=AT, updated=AT, revision=6,
)  # fmt: skip
seat = SeatView(assignment=ASSIGNMENT, pod="pod-2", seat=Seat(name="desk-1", state="READY", version=VERSION))
