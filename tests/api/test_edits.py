"""Edits: only of what was read, passed on as they come, and answered with what there is to know of the thing."""

from typing import Any

import msgspec
import pytest

from api import views
from api.house import House
from api.test_holdings import ADMIN, BASE, DEBIAN, DESKS, ONE, PROD, command
from api.test_refusals import check
from contracts import requests as contract
from contracts.errors import Problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

EDITS: list[tuple[str, str, Any, type[contract.Command], dict[str, Any]]] = [
    ("PATCH", "/v1/galleries/default", {"description": None}, contract.EditGallery, {"gallery": "default"}),
    ("DELETE", "/v1/galleries/default", None, contract.DropGallery, {"gallery": "default"}),
    ("PATCH", BASE, {"details": {"vcpus": {"min": None}}}, contract.EditImage, {"image": DEBIAN}),
    ("POST", f"{BASE}/tags", {"remove": ["env"]}, contract.EditTags, {"image": DEBIAN}),
    ("DELETE", BASE, None, contract.DeleteImage, {"image": DEBIAN}),
    ("POST", f"{BASE}/disable", None, contract.SetEnabled, {"number": None}),
    ("PATCH", ONE, {"hidden": True}, contract.EditVersion, {"number": "1.0.0"}),
    ("DELETE", ONE, None, contract.DeleteVersion, {"number": "1.0.0"}),
    ("POST", f"{ONE}/protect", None, contract.SetProtection, {"number": "1.0.0"}),
    ("POST", f"{ONE}/deprecate", {"state": "ACTIVE"}, contract.SetDeprecation, {"number": "1.0.0"}),
    ("POST", f"{ONE}/deactivate", None, contract.SetDataAccess, {"number": "1.0.0", "active": False}),
    ("POST", f"{ONE}/reactivate", None, contract.SetDataAccess, {"number": "1.0.0", "active": True}),
    ("PUT", PROD, {"number": "1.0.0"}, contract.MoveMarker, {"marker": "prod"}),
    ("POST", f"{PROD}/rollback", None, contract.RollbackMarker, {"marker": "prod"}),
    ("DELETE", PROD, None, contract.DropMarker, {"marker": "prod"}),
    ("PATCH", DESKS, {"seats": 3}, contract.EditAssignment, {"assignment": "desks"}),
    ("POST", f"{DESKS}/disks", {"lun": 3, "size_gib": 1}, contract.AddDisk, {"assignment": "desks"}),
    ("POST", f"{DESKS}/switch", {"image": DEBIAN}, contract.SwitchImage, {"assignment": "desks"}),
    ("DELETE", DESKS, None, contract.DropAssignment, {"assignment": "desks"}),
    ("PUT", "/v1/retentions/old", {"action": "DELETE", "rule": {"by": "COUNT", "value": 3}}, contract.SetRetention, {}),
    ("DELETE", "/v1/retentions/old", None, contract.DropRetention, {"name": "old"}),
    ("PUT", "/v1/flavours/thin", {"models": ["T1"]}, contract.SetFlavour, {}),
    ("DELETE", "/v1/flavours/thin", None, contract.DropFlavour, {"name": "thin"}),
    ("PUT", "/v1/namespaces/acme", {"closed": True}, contract.SetNamespace, {}),
    ("DELETE", "/v1/namespaces/acme", None, contract.DropNamespace, {"name": "acme"}),
    ("PUT", "/v1/quotas/acme", {"images": 3}, contract.SetQuota, {"tenant": "acme"}),
]


@pytest.mark.parametrize(
    ("method", "url", "body", "kind", "named"), EDITS, ids=[f"{method} {url}" for method, url, *_ in EDITS]
)
async def test_an_edit_holds_only_for_the_revision_of_its_if_match(
    house: House, method: str, url: str, body: Any, kind: type[contract.Command], named: dict[str, Any]
) -> None:
    house.services.answers[kind] = lambda _: Problem(
        code="revision_mismatch", detail="It is at revision 9.", data={"revision": 9}
    )
    sent = {} if body is None else {"json": body}
    response = await house.http.request(method, url, headers={"if-match": '"8"'}, **sent)
    assert check(response, "revision_mismatch")["data"] == {"revision": 9}
    asked = house.services.last
    assert (type(asked), asked.revision) == (kind, 8)
    assert {name: getattr(asked, name) for name in named} == named
    await house.http.request(method, url, **sent)
    assert house.services.last.revision is None


@pytest.mark.parametrize(
    ("url", "revision"),
    [("/v1/galleries/default", 3), (BASE, 2), (ONE, 4), (PROD, 2), (DESKS, 6), ("/v1/quota", 7)],
)
async def test_what_can_be_edited_is_answered_with_its_revision(house: House, url: str, revision: int) -> None:
    assert (await house.http.get(url)).headers["etag"] == f'"{revision}"'


@pytest.mark.parametrize(
    ("url", "body", "revision"),
    [
        ("/v1/quotas/acme", {"images": 3}, 7),
        ("/v1/retentions/old", {"action": "DELETE", "rule": {"by": "COUNT", "value": 3}}, 1),
        ("/v1/flavours/thin", {"models": ["T1"]}, 2),
        ("/v1/namespaces/acme", {"closed": True}, 4),
    ],
)
async def test_what_is_said_whole_is_answered_with_its_revision(
    house: House, url: str, body: Any, revision: int
) -> None:
    response = await house.http.put(url, json=body, headers={"if-match": '"0"'})
    assert (response.status_code, response.headers["etag"]) == (200, f'"{revision}"')
    assert house.services.last.revision == 0


@pytest.mark.parametrize("media", ["application/json", "application/merge-patch+json"])
@pytest.mark.parametrize("url", ["/v1/galleries/default", BASE, ONE, DESKS])
async def test_a_merge_patch_is_passed_on_as_it_is(house: House, url: str, media: str) -> None:
    content = b'{"description": null, "details": {"x": [1, 2.5, {"y": 18446744073709551617}]}, "extra": "e"}'
    response = await house.http.patch(url, content=content, headers={"content-type": media})
    assert response.is_success, response.text
    edit = next(asked for asked in house.services.asked if isinstance(asked, contract.Command))
    assert edit.changes == {  # type: ignore[attr-defined]
        "description": None,
        "details": {"x": [1, 2.5, {"y": 2**64 + 1}]},
        "extra": "e",
    }


@pytest.mark.parametrize("url", [f"{ONE}/placement", f"/v1/webhooks/{views.HOOK}", "/v1/images"])
async def test_what_takes_no_merge_patch_does_not_take_one_for_something_else(house: House, url: str) -> None:
    headers = {"content-type": "application/merge-patch+json"}
    check(await house.http.patch(url, content=b"{}", headers=headers), "unsupported_media_type")
    assert house.services.asked == []


async def test_after_an_edit_the_answer_shows_what_the_command_does_not_know(house: House) -> None:
    response = await house.http.patch(BASE, json={"description": "x"})
    body = response.json()
    assert (body["latest"], body["usable"], response.headers["etag"]) == ("1.0.0", True, '"3"')
    for method, url, sent in (
        ("PATCH", ONE, {"hidden": True}),
        ("POST", f"{ONE}/restore", None),
        ("POST", f"{ONE}/validations", {"kind": "boot", "status": "Failed"}),
        ("POST", f"{ONE}/deactivate", None),
        ("POST", f"{ONE}/reactivate", None),
    ):
        response = await house.http.request(method, url, json=sent)
        body = response.json()
        assert body["where"] == [{"pod": "pod-2", "state": "REPLICATING", "replica": 0}]
        assert (body["markers"], response.headers["etag"]) == (["prod"], '"5"')


async def test_the_validation_is_of_the_version_that_the_path_names(house: House) -> None:
    body = {"kind": "boot", "status": "Succeeded", "tool": "vmtest", "detail": "It boots."}
    await house.http.post(f"{ONE}/validations", json=body, headers={"idempotency-key": "k"})
    assert house.services.asked[0] == command(contract.RecordValidation, image=DEBIAN, number="1.0.0", **body)


async def test_a9_a_deprecated_thing_is_answered_with_a_warning_and_with_its_replacement(house: House) -> None:
    text = 'It is "deprecated": use 1.1.0 – or lab\\base.\n'
    old = msgspec.structs.replace(
        views.version, deprecation="DEPRECATED", replacement="1.1.0", warnings=(text, "Its end of life is near.")
    )
    house.services.answers[contract.GetVersion] = lambda _: old
    response = await house.http.get(f"{BASE}/versions/1.0.0")
    assert response.status_code == 200
    assert response.headers["warning"] == (
        '299 - "It is \\"deprecated\\": use 1.1.0 ? or lab\\\\base.?", 299 - "Its end of life is near."'
    )
    assert response.headers["link"] == f'</v1/images/{views.IMAGE}/versions/1.1.0>; rel="successor-version"'
    assert response.json()["warnings"] == [text, "Its end of life is near."]
    past = msgspec.structs.replace(views.image, deprecation="OBSOLETE", replacement="lab/next", warnings=("Obsolete.",))
    house.services.answers[contract.GetImage] = lambda _: past
    response = await house.http.get(BASE)
    assert response.headers["warning"] == '299 - "Obsolete."'
    assert response.headers["link"] == '</v1/images/lab%2Fnext>; rel="successor-version"'


async def test_however_much_there_is_to_warn_of_the_headers_stay_small(house: House) -> None:
    warned = msgspec.structs.replace(views.assignment, warnings=tuple("w" * 2000 for _ in range(50)))
    house.services.answers[contract.GetAssignment] = lambda _: warned
    response = await house.http.get(DESKS)
    assert len(response.headers["warning"]) < 4096
    assert len(response.json()["warnings"]) == 50


async def test_an_assignment_that_has_nothing_to_do_is_itself_where_to_look(house: House) -> None:
    house.services.answers[contract.EditAssignment] = lambda _: msgspec.structs.replace(views.assignment, job="")
    response = await house.http.patch(DESKS, json={"seats": 2})
    assert (response.status_code, response.headers["location"]) == (202, f"/v1/assignments/{views.ASSIGNMENT}")


async def test_an_image_may_be_called_as_what_comes_after_one_if_it_is_named_in_one_segment(house: House) -> None:
    await house.http.get("/v1/images/default%2Ftags")
    assert house.services.last == contract.GetImage(actor=ADMIN, image="default/tags")
    check(await house.http.post("/v1/images/debian/disable"), "image_not_found")
    check(await house.http.get("/v1/images/debian/markers/prod"), "image_not_found")
