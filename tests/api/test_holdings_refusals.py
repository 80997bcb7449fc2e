"""What the door refuses by itself about galleries, images, versions, markers, assignments and their rules."""

from typing import Any

import pytest

from api.house import House
from api.test_holdings import BASE, DEBIAN, DESKS, ONE, PROD, RULE
from api.test_refusals import check

pytestmark = pytest.mark.asyncio(loop_scope="module")

BIG: dict[str, Any] = {"a": {}}
for _ in range(16):
    BIG = {"a": BIG}
NAMED = {"name": "x"}
SIGNATURE = {"value": "c2lnbmF0dXJl", "key_type": "RSA-PSS", "certificate": "vendor"}
POOL = {"name": "p", "image": DEBIAN, "pods": ["pod-1"]}
REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    # the path names nothing
    ("GET", "/v1/galleries/a b", {}, "gallery_not_found"),
    ("PATCH", "/v1/galleries/-a", {"json": {}}, "gallery_not_found"),
    ("PUT", "/v1/quotas/a b", {"json": {}}, "tenant_not_found"),
    ("DELETE", "/v1/retentions/..a", {}, "retention_not_found"),
    ("PUT", "/v1/flavours/a%2Fb", {"json": {"models": []}}, "flavour_not_found"),
    ("PUT", "/v1/namespaces/ACME", {"json": {}}, "namespace_not_found"),
    ("PUT", "/v1/namespaces/a.b", {"json": {}}, "namespace_not_found"),
    ("PUT", "/v1/certificates/a%2Fb", {"json": {"pem": ""}}, "certificate_not_found"),
    ("DELETE", "/v1/certificates/-a", {}, "certificate_not_found"),
    ("POST", f"{BASE}/versions/1/deactivate", {}, "version_number_invalid"),
    ("DELETE", "/v1/images/debian", {}, "image_not_found"),
    ("POST", "/v1/images/debian/enable", {}, "image_not_found"),
    ("PATCH", f"{BASE}/versions/1", {"json": {}}, "version_number_invalid"),
    ("DELETE", f"{BASE}/versions/1.0.0-rc", {}, "version_number_invalid"),
    ("GET", f"{BASE}/markers/a%00", {}, "marker_not_found"),
    ("GET", "/v1/assignments/a%0A", {}, "assignment_not_found"),
    ("POST", "/v1/jobs/1/retry", {}, "job_not_found"),
    # queries
    *(
        ("GET", f"/v1/images?{query}", {}, "validation_failed")
        for query in (
            "sort=Created", "sort=", "sort=--a", "hidden=maybe", "pod=POD", "owner=a/b", "text=", "tag=", "tag=a%00",
            "tag=a%3D" + "v" * 44, "OS=linux", "os_type=a%00", "os_type=a&os_type=b", f"os_type={'x' * 256}", "a-b=c",
            "os.type=x", "min_versions=x",
            "versions=-1", "created_after=2026", "created_after=2026-01-01T00:00:00", "usable=yes",
            "&".join(f"tag=t{n}" for n in range(17)),
        )
    ),
    ("GET", f"{BASE}/versions?A=1", {}, "validation_failed"),
    ("GET", f"{BASE}/markers?frozen=maybe", {}, "validation_failed"),
    ("GET", f"{ONE}/users?min_seats=many", {}, "validation_failed"),
    ("GET", f"{ONE}/users?last_used_after=2026", {}, "validation_failed"),
    ("GET", f"{ONE}/lineage?depth=-1", {}, "validation_failed"),
    ("GET", f"{ONE}/lineage?sort=-", {}, "validation_failed"),
    ("GET", "/v1/jobs?image=debian", {}, "validation_failed"),
    ("GET", "/v1/assignments?image=debian", {}, "validation_failed"),
    ("GET", "/v1/audit?about=%00", {}, "validation_failed"),
    ("DELETE", f"{ONE}?force=perhaps", {}, "validation_failed"),
    # headers
    ("PATCH", BASE, {"json": {}, "headers": {"if-match": "3"}}, "validation_failed"),
    ("DELETE", BASE, {"headers": {"if-match": "*"}}, "validation_failed"),
    # merge patches
    ("PATCH", BASE, {}, "bad_request"),
    ("PATCH", BASE, {"content": b"{", "headers": {"content-type": "application/merge-patch+json"}}, "bad_request"),
    *(("PATCH", BASE, {"json": body}, "validation_failed") for body in ([], 1, "x", [{}], BIG)),
    ("PATCH", BASE, {"content": b'{"a":' + b"[" * 200_000, "headers": {"content-type": "application/json"}},
     "bad_request"),
    # bodies
    *(
        ("POST", "/v1/galleries", {"json": body}, "validation_failed")
        for body in (
            {},
            {"name": "a" * 81},
            {"name": "a", "quota": {"versions": -1}},
            {"name": "a", "quota": {"cpus": 1}},
            {"name": "a", "soft_delete": {"retention_days": 0}},
            {"name": "a", "soft_delete": {"retention_days": 366}},
            {"name": "a", "revision": 1},
        )
    ),
    *(
        ("PUT", "/v1/retentions/old", {"json": body}, "validation_failed")
        for body in (
            {},
            {**RULE, "name": "other"},
            {**RULE, "action": "KEEP"},
            {**RULE, "rule": {"by": "SIZE", "value": 1}},
            {**RULE, "rule": {"by": "AGE", "value": 0}},
            {**RULE, "retain_at_least": 0},
            {**RULE, "exclude": {"used_within_days": 0}},
        )
    ),
    ("PUT", "/v1/flavours/thin", {"json": {"models": [""]}}, "validation_failed"),
    ("PUT", "/v1/flavours/thin", {"json": {"models": [], "system": True}}, "validation_failed"),
    ("PUT", "/v1/namespaces/acme", {"json": {"properties": {"A": {}}}}, "validation_failed"),
    ("PUT", "/v1/namespaces/acme", {"json": {"properties": {"a": {"type": "list"}}}}, "validation_failed"),
    *(
        ("POST", "/v1/images", {"json": {**NAMED, **body}}, "validation_failed")
        for body in (
            {"identifier": {"publisher": "a", "offer": "b"}},
            {"identifier": {"publisher": "a.", "offer": "b", "sku": "c"}},
            {"identifier": {"publisher": "a", "offer": "b" * 65, "sku": "c"}},
            {"image_class": "gold"},
            {"desktop_kind": "RDSH"},
            {"tags": {"k" * 37: "v"}},
            {"tags": {"k": "v" * 44}},
            {"details": {"min_disk_gib": -1}},
            {"details": {"features": [{"name": "GPU", "value": "x"}]}},
            {"details": {"end_of_life": "2030-01-01"}},
            {"details": {"end_of_life": "2030-01-01T00:00:00"}},
            {"details": {"privacy_uri": "file:///etc/passwd"}},
            {"details": {"properties": {"A": 1}}},
            {"details": {"properties": {"a": [1]}}},
            {"details": {"cpus": 1}},
            {"details": {"vcpus": {"min": 1, "most": 2}}},
            {"project": "x" * 65},
            {"protected": True},
        )
    ),
    *(
        ("POST", f"{BASE}/versions", {"json": body}, "validation_failed")
        for body in (
            {"source": {"pod": "pod-1", "name": "x"}, "origin": {"image": DEBIAN, "number": "1.0.0"}},
            {"origin": {"image": "debian", "number": "1.0.0"}},
            {"origin": {"image": DEBIAN, "number": "newest"}},
            {"source": {"pod": "pod-1", "name": "x", "kind": "tape"}},
            {"source": {"pod": "pod-1", "name": "x"}, "end_of_life": "2030-01-01T00:00:00"},
            {"source": {"pod": "pod-1", "name": "x"}, "capsule": {"components": [], "install": "a", "remove": "b"}},
            {"source": {"pod": "pod-1", "name": "x"}, "uefi": {"signature_templates": ["Mine"]}},
            {"source": {"pod": "pod-1", "name": "x"}, "uefi": {"pk": "no base64"}},
            {"source": {"pod": "pod-1", "name": "x"}, "plugins": ["../x"]},
            {"source": {"pod": "pod-1", "name": "x"}, "plugins": "image_decompression"},
            *(
                {"source": {"pod": "pod-1", "name": "x"}, "signature": {**SIGNATURE, **wrong}}
                for wrong in (
                    {"value": "no base64"}, {"value": ""}, {"key_type": "DSA"}, {"hash_method": "SHA-1"},
                    {"certificate": "a/b"}, {"chain": []},
                )
            ),
        )
    ),
    *(
        ("PUT", "/v1/certificates/vendor", {"json": body}, "validation_failed")
        for body in ({}, {"pem": "x" * 16_385}, {"pem": "x", "name": "vendor"}, {"pem": "x", "subject": "CN=a"})
    ),
    ("POST", f"{BASE}/tags", {"json": {"set": {"": "v"}}}, "validation_failed"),
    ("POST", f"{BASE}/tags", {"json": {"set": {"k": "v\n"}}}, "validation_failed"),
    ("POST", f"{BASE}/tags", {"json": {"tags": {}}}, "validation_failed"),
    ("POST", f"{BASE}/protect", {"json": {"cool_down": -1}}, "validation_failed"),
    ("POST", f"{BASE}/protect", {"json": {"protected": False}}, "validation_failed"),
    ("POST", f"{BASE}/deprecate", {}, "bad_request"),
    ("POST", f"{BASE}/deprecate", {"json": {"state": "OLD"}}, "validation_failed"),
    ("POST", f"{ONE}/deprecate", {"json": {"state": "OBSOLETE", "replacement": "../x"}}, "validation_failed"),
    ("POST", f"{ONE}/validations", {"json": {"kind": "boot", "status": "OK"}}, "validation_failed"),
    ("PUT", PROD, {"json": {"number": "latest"}}, "validation_failed"),
    ("PUT", PROD, {"json": {"number": "1.0.0", "rings": [{"all": True}]}}, "validation_failed"),
    ("PUT", PROD, {"json": {"number": "1.0.0", "rings": [{}] * 17}}, "validation_failed"),
    ("PUT", PROD, {"json": {"number": "1.0.0", "rings": [{"pods": ["../pod-1"]}]}}, "validation_failed"),
    ("PUT", PROD, {"json": {"number": "1.0.0", "rings": [{"labels": {"ring": ["x" * 100]}}]}}, "validation_failed"),
    ("POST", f"{PROD}/rollout", {"json": {"verb": "stop"}}, "validation_failed"),
    *(
        ("POST", "/v1/assignments", {"json": body}, "validation_failed")
        for body in (
            NAMED,
            {**POOL, "pods": []},
            {**POOL, "pods": ["POD"]},
            {**POOL, "image": "debian"},
            {**POOL, "seats": 201},
            {**POOL, "seats": -1},
            {**POOL, "number": "1"},
            {**POOL, "customisation": {"host_name": "-x"}},
            {**POOL, "customisation": {"host_name": "x", "password": "y"}},
            {**POOL, "customisation": {"host_name": "x", "accounts": [{"name": "a", "password": "b"}]}},
            {**POOL, "disks": [{"lun": 0, "size_gib": 1}]},
            {**POOL, "disks": [{"lun": 1, "size_gib": 0}]},
            {**POOL, "endpoints": [{"name": "e 1", "model": "m"}]},
            {**POOL, "shape": {"vm_kind": "magic"}},
        )
    ),
    ("POST", f"{DESKS}/disks", {"json": {"lun": 64, "size_gib": 1}}, "validation_failed"),
    ("POST", f"{DESKS}/switch", {"json": {"image": "debian"}}, "validation_failed"),
    ("POST", f"{DESKS}/duplicate", {"json": {}}, "validation_failed"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "url", "arguments", "code"), REFUSED, ids=[f"{r[0]} {r[1]} {r[2]}"[:90] for r in REFUSED]
)
async def test_a_bad_request_is_refused_before_the_catalog_is_asked(
    house: House, method: str, url: str, arguments: dict[str, Any], code: str
) -> None:
    check(await house.http.request(method, url, **arguments), code)
    assert house.services.asked == []
