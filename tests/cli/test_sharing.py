"""The commands about sharing, and about who is who: what is sent, what is shown, how they end."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Imprint
from cli.responder import AT, IMAGE, JOB, Answer, Gateway, image, job, page, pod, problem

SHARE = f"/v1/shares/{IMAGE}"
DEBIAN = "/v1/images/default%2Fdebian"
LAB = "/v1/galleries/lab"
SECRET = "imprint_" + "s" * 43
TOKEN = "0" * 31 + "f"
COMMUNITY = {"publisher_uri": "https://x.test", "contact": "a@x.test", "eula": "None.", "prefix": "acme1"}

share: dict[str, Any] = {
    "image": IMAGE, "gallery": "gold", "name": "win", "owner": "acme", "state": "ACCEPTED", "via": "org:corp",
    "offered": AT, "updated": AT, "until": None, "message": "", "job": "", "revision": 1,
}  # fmt: skip
member = {
    "image": IMAGE, "member": "org:corp", "state": "PENDING", "updated": AT, "until": AT, "message": "Take it.",
    "accepted": 2, "rejected": 1, "revision": 1,
}  # fmt: skip
opened: dict[str, Any] = {
    "gallery": "0" * 31 + "e", "name": "lab", "tenant": "default", "sharing": "groups",
    "members": ["acme", "account:x"], "community": None, "public_name": "", "revision": 4,
}  # fmt: skip
grant = {
    "scope": "image", "target": IMAGE, "name": "default/debian", "principal": "user:acme/jo", "roles": ["reader"],
    "updated": AT, "revision": 1,
}  # fmt: skip
unit = {"path": "corp/europe", "description": "", "units": 0, "accounts": 1, "revision": 1}
account = {"name": "x", "unit": "corp", "description": "Ours", "tenants": 2, "revision": 1}
tenant: dict[str, Any] = {
    "name": "acme", "account": "x", "unit": "corp", "description": "Desks", "disabled": False, "created": AT,
    "revision": 1,
}  # fmt: skip
person: dict[str, Any] = {
    "tenant": "default", "name": "jo", "kind": "user", "roles": ["reader"], "groups": ["devs"], "disabled": False,
    "updated": AT, "revision": 1,
}  # fmt: skip
token = {
    "id": TOKEN, "tenant": "default", "user": "jo", "kind": "user", "roles": ["reader"], "created": AT, "until": AT,
    "revoked": None, "description": "ci", "secret": "", "revision": 1,
}  # fmt: skip
identity = {
    "tenant": "acme", "name": "jo", "kind": "user", "roles": ["owner"], "principals": ["acme", "org:corp"],
    "account": "x", "unit": "corp", "until": AT,
}  # fmt: skip


def pair(**changes: Any) -> dict[str, Any]:
    """What became of a pair of a batch."""
    return {
        "image": IMAGE, "member": "acme", "state": "PENDING", "code": "", "detail": "", "hint": "", **changes,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def answers(gateway: Gateway, tmp_path: Path) -> None:
    gateway.on("POST", "/v1/shares", page(pair()))
    gateway.on("POST", "/v1/shares/revoke", page(pair(state="REVOKED")))
    gateway.on("GET", f"{DEBIAN}/members", page(member))
    status = {"state": "InProgress", "pods": [{"pod": "pod-1", "state": "Succeeded", "versions": 2, "missing": 0}]}
    for path in (DEBIAN, LAB):
        gateway.on("GET", f"{path}/sharing/status", Answer(body=status))
    for verb in ("suspend", "resume"):
        gateway.on("POST", f"{DEBIAN}/sharing/{verb}", Answer(204))
    gateway.on("GET", "/v1/shares", page(share))
    gateway.on("GET", SHARE, Answer(body=share))
    gateway.on("POST", f"{SHARE}/accept", Answer(body=share))
    gateway.on("POST", f"{SHARE}/reject", Answer(body={**share, "state": "REJECTED"}))
    for method in ("GET", "PUT"):
        gateway.on(method, f"{LAB}/sharing", Answer(body=opened))
    for path in (DEBIAN, LAB, f"{DEBIAN}/versions/1.0.0"):
        gateway.on("GET", f"{path}/grants", page(grant))
        gateway.on("PUT", f"{path}/grants/user%3Aacme%2Fjo", Answer(body=grant))
        gateway.on("DELETE", f"{path}/grants/user%3Aacme%2Fjo", Answer(204))
    gateway.on("GET", "/v1/units", page(unit))
    gateway.on("PUT", "/v1/units/corp%2Feurope", Answer(body=unit))
    gateway.on("DELETE", "/v1/units/corp%2Feurope", Answer(204))
    gateway.on("GET", "/v1/accounts", page(account))
    gateway.on("PUT", "/v1/accounts/x", Answer(body=account))
    gateway.on("DELETE", "/v1/accounts/x", Answer(204))
    gateway.on("GET", "/v1/tenants", page(tenant))
    for method in ("GET", "PUT"):
        gateway.on(method, "/v1/tenants/acme", Answer(body=tenant))
    gateway.on("GET", "/v1/users", page(person))
    gateway.on("PUT", "/v1/users/jo", Answer(body=person))
    gateway.on("DELETE", "/v1/users/jo", Answer(204))
    gateway.on("GET", "/v1/tokens", page(token))
    gateway.on("POST", "/v1/tokens", Answer(201, {**token, "secret": SECRET}))
    gateway.on("DELETE", f"/v1/tokens/{TOKEN}", Answer(204))
    gateway.on("GET", "/v1/whoami", Answer(body=identity))
    gateway.on("GET", "/v1/pods/pod-1", Answer(body=pod(tenants=["acme"], tenants_revision=4)))
    gateway.on("PUT", "/v1/pods/pod-1/tenants", Answer(body=pod(tenants=["acme", "org:corp"])))
    gateway.on("GET", "/v1/images", page(image(tenant="acme")))
    gateway.on("GET", "/v1/galleries", page())
    gateway.on("GET", "/v1/audit/sharing", page(sequence=0, head=""))
    (tmp_path / "eula.txt").write_text("None.")


OFFERED = {"acknowledged": False, "until": None, "message": ""}
KEPT = {"kind": "user", "roles": ["reader"], "groups": ["devs"], "disabled": False}
TENANT = {"account": "x", "description": "Desks", "disabled": False}
MADE: dict[str, Any] = {"user": None, "roles": [], "description": "", "tenant": None}
ON = "--image default/debian:1.0.0"

ASKED: list[tuple[str, str, Any]] = [
    (
        f"share offer {IMAGE} default/debian --to acme --to org:corp/eu --no-secrets",
        "POST /v1/shares",
        {**OFFERED, "images": [IMAGE, "default/debian"], "members": ["acme", "org:corp/eu"], "acknowledged": True},
    ),
    (
        "share offer default/debian --to account:x --until 2030-01-01T00:00+00:00 --message Hi",
        "POST /v1/shares",
        {
            "images": ["default/debian"],
            "members": ["account:x"],
            "acknowledged": False,
            "until": "2030-01-01T00:00:00+00:00",
            "message": "Hi",
        },
    ),
    (
        "share remove default/debian --from acme --grace 24",
        "POST /v1/shares/revoke",
        {"images": ["default/debian"], "members": ["acme"], "grace": 24.0},
    ),
    ("share members default/debian --state revoked", f"GET {DEBIAN}/members", None),
    ("share status default/debian", f"GET {DEBIAN}/sharing/status", None),
    ("share status --gallery lab", f"GET {LAB}/sharing/status", None),
    ("share suspend default/debian", f"POST {DEBIAN}/sharing/suspend", None),
    ("share resume default/debian", f"POST {DEBIAN}/sharing/resume", None),
    ("share list --state pending", "GET /v1/shares", None),
    (f"share show {IMAGE}", f"GET {SHARE}", None),
    (f"share accept {IMAGE}", f"POST {SHARE}/accept", {"pods": [], "number": ""}),
    (
        f"share accept {IMAGE} --pod pod-1,pod-2 --number 1.0.0",
        f"POST {SHARE}/accept",
        {"pods": ["pod-1", "pod-2"], "number": "1.0.0"},
    ),
    (f"share reject {IMAGE}", f"POST {SHARE}/reject", None),
    ("gallery sharing lab", f"GET {LAB}/sharing", None),
    ("gallery share lab --private", f"PUT {LAB}/sharing", {"sharing": "private"}),
    ("gallery share lab --public --if-match 4", f"PUT {LAB}/sharing", {"sharing": "public"}),
    (
        "gallery share lab --with acme --with account:x",
        f"PUT {LAB}/sharing",
        {"sharing": "groups", "members": ["acme", "account:x"]},
    ),
    (
        "gallery share lab --add beta --remove acme",
        f"PUT {LAB}/sharing",
        {"sharing": "groups", "members": ["account:x", "beta"]},
    ),
    ("gallery share lab --remove acme --remove account:x", f"PUT {LAB}/sharing", {"sharing": "private"}),
    *(
        (
            f"gallery share lab --community --publisher https://x.test --contact a@x.test --prefix acme1 --eula {eula}",
            f"PUT {LAB}/sharing",
            {"sharing": "community", "community": COMMUNITY},
        )
        for eula in ("None.", "@eula.txt")
    ),
    ("grant list --gallery lab", f"GET {LAB}/grants", None),
    ("grant list --image default/debian", f"GET {DEBIAN}/grants", None),
    (f"grant list {ON}", f"GET {DEBIAN}/versions/1.0.0/grants", None),
    (
        f"grant set user:acme/jo --role reader --role sharer {ON}",
        f"PUT {DEBIAN}/versions/1.0.0/grants/user%3Aacme%2Fjo",
        {"roles": ["reader", "sharer"]},
    ),
    ("grant remove user:acme/jo --gallery lab", f"DELETE {LAB}/grants/user%3Aacme%2Fjo", None),
    ("grant remove user:acme/jo --image default/debian", f"DELETE {DEBIAN}/grants/user%3Aacme%2Fjo", None),
    ("unit list", "GET /v1/units", None),
    ("unit set corp/europe --description x", "PUT /v1/units/corp%2Feurope", {"description": "x"}),
    ("unit remove corp/europe", "DELETE /v1/units/corp%2Feurope", None),
    ("account list --unit corp", "GET /v1/accounts", None),
    ("account set x --unit corp/europe", "PUT /v1/accounts/x", {"unit": "corp/europe", "description": "Ours"}),
    ("account set x --unit= --description=", "PUT /v1/accounts/x", {"unit": "", "description": ""}),
    ("account remove x", "DELETE /v1/accounts/x", None),
    ("tenant list --account x", "GET /v1/tenants", None),
    ("tenant show acme", "GET /v1/tenants/acme", None),
    ("tenant set acme --account y", "PUT /v1/tenants/acme", {**TENANT, "account": "y"}),
    ("tenant disable acme", "PUT /v1/tenants/acme", {**TENANT, "disabled": True}),
    ("tenant enable acme", "PUT /v1/tenants/acme", TENANT),
    ("user list --tenant acme", "GET /v1/users", None),
    ("user set jo --role owner", "PUT /v1/users/jo", {**KEPT, "roles": ["owner"]}),
    ("user set jo --no-roles --group ops", "PUT /v1/users/jo", {**KEPT, "roles": [], "groups": ["ops"]}),
    ("user disable jo", "PUT /v1/users/jo", {**KEPT, "disabled": True}),
    ("user enable jo", "PUT /v1/users/jo", KEPT),
    ("user remove jo --tenant acme", "DELETE /v1/users/jo", None),
    ("token create", "POST /v1/tokens", MADE),
    (
        "token create --user jo --role reader --hours 2 --description ci --tenant acme",
        "POST /v1/tokens",
        {"user": "jo", "roles": ["reader"], "hours": 2.0, "description": "ci", "tenant": "acme"},
    ),
    ("token list --user jo", "GET /v1/tokens", None),
    (f"token revoke {TOKEN}", f"DELETE /v1/tokens/{TOKEN}", None),
    ("token whoami", "GET /v1/whoami", None),
    ("pod tenants pod-1", "GET /v1/pods/pod-1", None),
    ("pod tenants pod-1 acme org:corp", "PUT /v1/pods/pod-1/tenants", {"tenants": ["acme", "org:corp"]}),
    ("pod tenants pod-1 --everybody", "PUT /v1/pods/pod-1/tenants", {"tenants": []}),
    ("image list --visibility shared --member-status pending", "GET /v1/images", None),
]


@pytest.mark.parametrize(("line", "asked", "body"), ASKED, ids=[line for line, _, _ in ASKED])
def test_a_command_asks_what_its_words_say_and_prints_a_result_or_one_json_document(
    gateway: Gateway, imprint: Imprint, line: str, asked: str, body: Any
) -> None:
    result = imprint(*line.split())
    assert result.exit_code == 0, result.output
    assert result.stdout
    assert gateway.paths()[-1] == asked
    assert gateway.asked[-1].body == body
    json.loads(imprint(*line.split(), "-o", "json").stdout)


@pytest.mark.parametrize(("line", "asked", "_"), ASKED, ids=[line for line, _, _ in ASKED])
def test_a_refusal_ends_with_its_exit_code_and_hint(
    gateway: Gateway, imprint: Imprint, line: str, asked: str, _: Any
) -> None:
    method, path = asked.split(" ")
    gateway.on(method, path, problem(409, "not_shareable", hint="Do it so."))
    result = imprint(*line.split())
    assert (result.exit_code, result.stdout) == (3, "")
    assert "hint: Do it so." in result.stderr


@pytest.mark.parametrize(
    ("line", "query"),
    [
        ("share members default/debian --state revoked", {"state": "REVOKED"}),
        ("share list --state pending", {"state": "PENDING"}),
        ("unit list corp", {"below": "corp"}),
        ("account list --unit corp", {"unit": "corp"}),
        ("tenant list --account x", {"account": "x"}),
        ("user remove jo --tenant acme", {"tenant": "acme"}),
        ("token list --user jo --tenant acme", {"user": "jo", "tenant": "acme"}),
        ("image list --visibility shared --member-status all", {"visibility": "shared", "member_status": "all"}),
        ("gallery list --reach community", {"reach": "community"}),
        ("audit list --sharing --about jo --actor ann", {"about": "jo", "actor": "ann", "limit": "500"}),
    ],
)
def test_what_narrows_a_list_goes_into_the_query(
    gateway: Gateway, imprint: Imprint, line: str, query: dict[str, str]
) -> None:
    assert imprint(*line.split()).exit_code == 0
    assert gateway.asked[-1].query == query


def test_members_are_added_to_what_was_read_and_to_nothing_newer(gateway: Gateway, imprint: Imprint) -> None:
    imprint("gallery", "share", "lab", "--add", "beta")
    assert gateway.asked[-1].headers["if-match"] == '"4"'
    imprint("pod", "tenants", "pod-1", "beta")
    assert gateway.asked[-1].headers["if-match"] == '"4"'


@pytest.mark.parametrize(("refused", "code"), [(1, 4), (2, 3)])
@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("share offer default/debian --to acme --to beta --no-secrets", "/v1/shares"),
        ("share remove default/debian --from acme --from beta", "/v1/shares/revoke"),
    ],
)
def test_e3_a_batch_in_which_a_pair_failed_shows_every_pair_and_does_not_end_well(
    gateway: Gateway, imprint: Imprint, line: str, path: str, refused: int, code: int
) -> None:
    bad = pair(state="", code="member_limit", detail="There are 128.", hint="Remove one.")
    rows = [pair(), pair(member="beta")]
    for place in range(refused):
        rows[place] = {**bad, "member": rows[place]["member"]}
    gateway.on("POST", path, page(*rows))
    result = imprint(*line.split())
    assert result.exit_code == code
    assert ("acme" in result.stdout, "beta" in result.stdout) == (True, True)
    assert "member_limit: There are 128." in result.stdout
    assert "hint: Remove one." in result.stderr
    assert len(json.loads(imprint(*line.split(), "-o", "json").stdout)) == 2


def test_a_delivery_is_followed_to_its_end_from_before_the_catalog_knows_of_it(
    gateway: Gateway, imprint: Imprint
) -> None:
    gateway.on("POST", f"{SHARE}/accept", Answer(body={**share, "job": JOB}))
    done = job(kind="deliver", state="PARTIAL")
    gateway.on("GET", f"/v1/jobs/{JOB}", problem(404, "job_not_found"), Answer(body=done))
    gateway.on("GET", "/v1/events", Answer(chunks=[b": ok\n\n"]))
    result = imprint("share", "accept", IMAGE, "--pod", "pod-1", "--wait")
    assert result.exit_code == 4, result.output
    assert "is ACCEPTED" in result.stdout
    assert "PARTIAL" in result.output
    result = imprint("share", "accept", IMAGE, "--pod", "pod-1")
    assert f"job {JOB} delivers it" in result.stdout


def test_a_secret_stands_alone_on_stdout_or_in_a_file_that_nobody_else_reads(imprint: Imprint, tmp_path: Path) -> None:
    result = imprint("token", "create")
    assert result.stdout == f"{SECRET}\n"
    assert TOKEN in result.stderr
    file = tmp_path / "token"
    result = imprint("token", "create", "--file", str(file))
    assert SECRET not in result.output
    assert (file.read_text(), file.stat().st_mode & 0o777) == (f"{SECRET}\n", 0o600)
    assert json.loads(imprint("token", "create", "--file", str(file), "-o", "json").stdout)["secret"] == ""
    result = imprint("token", "create", "--file", "/proc/none/token")
    assert result.exit_code == 1
    assert f"imprint token revoke {TOKEN}" in result.stderr


def test_a_tenant_that_is_not_there_yet_is_made(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("GET", "/v1/tenants/acme", problem(404, "tenant_not_found"))
    assert imprint("tenant", "set", "acme", "--account", "x").exit_code == 0
    assert gateway.asked[-1].body == {"account": "x", "description": "", "disabled": False}
    gateway.on("GET", "/v1/users", page())
    gateway.on("PUT", "/v1/users/ci", Answer(body={**person, "name": "ci", "kind": "service"}))
    assert "service account default/ci" in imprint("user", "set", "ci", "--service", "--role", "publisher").stdout
    assert gateway.asked[-1].body == {"kind": "service", "roles": ["publisher"], "groups": [], "disabled": False}


@pytest.mark.parametrize(
    "line",
    [
        "share offer default/debian",
        "share offer --to acme",
        "share offer default/debian --to user:acme/jo",
        "share offer default/debian --to acme --until soon",
        "share remove default/debian --from acme --grace -1",
        "share status",
        "share status default/debian --gallery lab",
        f"share accept {IMAGE} --wait",
        f"share accept {IMAGE} --number 1.0.0",
        "gallery share lab",
        "gallery share lab --private --public",
        "gallery share lab --with acme --add beta",
        "gallery share lab --community --publisher https://x.test",
        "gallery share lab --private --prefix acme1",
        "gallery share lab --community --publisher u --contact c --prefix acme1 --eula @none.txt",
        "grant set user:acme/jo --role reader",
        "grant set user:acme/jo --image default/debian",
        "grant set user:acme/jo --role operator --gallery lab",
        "grant set role:x --role reader --gallery lab",
        "grant list --image default/debian --gallery lab",
        "user set jo --role owner --no-roles",
        "user set jo --role king",
        "token create --hours 0",
        "pod tenants pod-1 acme --everybody",
        "pod tenants pod-1 user:acme/jo",
        "audit list --sharing --where action=x",
    ],
)
def test_a_wrong_command_line_changes_nothing(gateway: Gateway, imprint: Imprint, line: str) -> None:
    assert imprint(*line.split()).exit_code == 2
    assert not [path for path in gateway.paths() if not path.startswith("GET")]


def test_what_is_shown_says_whose_it_is(gateway: Gateway, imprint: Imprint) -> None:
    assert "acme: gold/win" in imprint("share", "list").stdout
    assert "2 accepted, 1 rejected" in imprint("share", "members", "default/debian").stdout
    assert "acme, account:x" in imprint("gallery", "sharing", "lab").stdout
    assert "acme" in imprint("image", "list", "--visibility", "shared").stdout
    assert "account x in corp" in imprint("tenant", "show", "acme").stdout
    assert "acme, org:corp" in imprint("token", "whoami").stdout
    assert (
        "user:acme/jo is reader of image default/debian"
        in imprint("grant", "set", "user:acme/jo", "--role", "reader", "--image", "default/debian").stdout
    )
