"""Canned views: what the services would say."""

from datetime import UTC, datetime

import msgspec

from contracts.errors import Failure
from contracts.events.from_pods import Datastore, VmDisk
from contracts.manifest import Disk, Manifest, Source
from contracts.names import copy_id
from contracts.terms import Policy, Selector, Targets, Terms
from contracts.views import (
    CopyCounts,
    CopyView,
    DeliveryView,
    EnrolmentView,
    HookView,
    ImageView,
    ItemView,
    JobView,
    MetricsView,
    PlacementView,
    PlanRow,
    PodView,
    PolicyView,
    TimelineView,
    VersionView,
    VmView,
)

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
IMAGE = "0" * 31 + "1"
VERSION = "0" * 31 + "2"
JOB = "0" * 31 + "3"
HOOK = "0" * 31 + "5"
COPY = copy_id(VERSION, "pod-2", 0)

SOURCE = Source(pod="pod-1", kind="vm", name="golden-vm")
DISK = Disk(role="os", lun=0, format="qcow2", size=1000, virtual_size=4000, root="a" * 64, sha256="b" * 64)
MANIFEST = Manifest(disks=(DISK,), source=SOURCE, created=AT)
COUNTS = CopyCounts(wanted=3, available=1, failed=1)
FAILURE = Failure(code="no_space", step="transfer", text="The datastore is full.", hint="Free some space.", retry=True)

image = ImageView(
    id=IMAGE, gallery="default", name="debian", tenant="default", state="AVAILABLE", os_type="linux",
    os_state="generalized", generation="V1", architecture="x64", description="", latest="1.0.0", created=AT, revision=2,
)  # fmt: skip
version = VersionView(
    id=VERSION, image=IMAGE, gallery="default", name="debian", number="1.0.0", tenant="default", state="REPLICATING",
    source=SOURCE, manifest=MANIFEST, copies=COUNTS, failure=None, job=JOB, created=AT, updated=AT, revision=4,
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
