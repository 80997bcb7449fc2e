"""Tokens of an issuer: which are taken, who their bearers are, and how its keys come and go."""

import asyncio
import base64
import http.server
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from api.backend import Backend
from api.house import client_of
from contracts.errors import Problem
from contracts.requests import Actor, Identify
from gateway.identity import SELF
from gateway.keyset import DISCOVERY, FRESH, LARGEST, PATIENCE, PAUSE, FetchError, KeySet, acceptable, fetched, usable
from gateway.oidc import LEEWAY, Claims, Issuer, NoKeysError, TokenError, identified
from gateway.server import gateway
from gateway.settings import GatewaySettings
from runtime.settings import SettingsError, load

ISSUER, AUDIENCE = "https://issuer.test/realm", "imprint"
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
OTHER = rsa.generate_private_key(65537, 2048)
KEYS: dict[str, Any] = {"rsa": RSA, "ec": EC, "ed": ED}
KINDS = {"rsa": "RS256", "ec": "ES256", "ed": "EdDSA"}


def published(name: str, key: Any, **more: Any) -> dict[str, Any]:
    """A public key as an issuer publishes it."""
    kinds = (rsa.RSAPrivateKey, "RS256"), (ec.EllipticCurvePrivateKey, "ES256"), (ed25519.Ed25519PrivateKey, "EdDSA")
    algorithm = next(name for kind, name in kinds if isinstance(key, kind))
    found = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return {**found, "kid": name, "use": "sig", **more}


def token(key: str = "rsa", *, without: str = "", kid: str | None = None, signer: Any = None, **claims: Any) -> str:
    """A token as the issuer makes it."""
    now = datetime.now(UTC)
    said = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "iat": now, "nbf": now, "exp": now + timedelta(minutes=5),
        "tenant": "acme", "roles": ["owner"], **claims,
    }  # fmt: skip
    said.pop(without, None)
    return jwt.encode(said, signer or KEYS[key], algorithm=KINDS[key], headers={"kid": key if kid is None else kid})


class Site:
    """What the issuer publishes, and how often it was asked for."""

    def __init__(self) -> None:
        self.keys = [published(name, key) for name, key in KEYS.items()]
        self.fetched: list[str] = []
        self.away = False
        self.now = 1000.0
        self.hold: Callable[[], object] = lambda: None

    def __call__(self, url: str) -> bytes:
        self.fetched.append(url)
        self.hold()
        if self.away:
            raise FetchError("away")
        if url.endswith(DISCOVERY):
            return json.dumps({"issuer": ISSUER, "jwks_uri": "https://keys.test/"}).encode()
        return json.dumps({"keys": self.keys}).encode()

    def issuer(self, claims: Claims | None = None, url: str = "https://keys.test/") -> Issuer:
        keys = KeySet(ISSUER, url, fetch=self, clock=lambda: self.now)
        return Issuer(ISSUER, AUDIENCE, keys, claims or Claims())


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.mark.parametrize("key", KEYS)
async def test_a_good_token_says_who_its_bearer_is(site: Site, key: str) -> None:
    asked = await site.issuer().question(token(key, groups=["devs", "no name!", 3]), SELF)
    assert asked == Identify(
        actor=SELF, tenant="acme", name="ann", roles=("owner",), groups=("devs",), until=asked.until
    )
    assert asked.until is not None
    assert timedelta(minutes=4) < asked.until - datetime.now(UTC) <= timedelta(minutes=5) + LEEWAY


def unsigned(head: dict[str, Any], said: str = "") -> str:
    """A token with this head and no signature that would hold."""
    body = said or token().split(".")[1]
    first = base64.urlsafe_b64encode(json.dumps(head).encode()).decode().rstrip("=")
    return f"{first}.{body}.{'A' * 43}"


def secret_of(key: Any) -> bytes:
    """The public key as text, which attackers use as a shared secret."""
    pem: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem


def ago(**delta: float) -> datetime:
    return datetime.now(UTC) - timedelta(**delta)


BAD: dict[str, Any] = {
    "expired": lambda: token(exp=ago(seconds=31)),
    "not yet": lambda: token(nbf=ago(seconds=-40)),
    "made in the future": lambda: token(iat=ago(seconds=-40)),
    "another audience": lambda: token(aud="else"),
    "another issuer": lambda: token(iss="https://else.test"),
    "an issuer that begins like ours": lambda: token(iss=ISSUER + "/"),
    **{f"no {claim}": (lambda claim=claim: token(without=claim)) for claim in ("exp", "iat", "iss", "aud", "sub")},
    "no tenant": lambda: token(without="tenant"),
    "a tenant that is no name": lambda: token(tenant="../acme"),
    "a tenant with a line feed": lambda: token(tenant="acme\n"),
    "a name that is none": lambda: token(sub="auth0|ann"),
    "a name of another type": lambda: token(tenant=["acme"]),
    "signed by somebody else": lambda: token(signer=OTHER),
    "an unknown key": lambda: token(kid="other"),
    "several keys and none named": lambda: jwt.encode({"iss": ISSUER}, RSA, algorithm="RS256"),
    "none": lambda: unsigned({"alg": "none", "kid": "rsa"}),
    "None": lambda: unsigned({"alg": "None", "kid": "rsa"}),
    "a shared secret": lambda: unsigned({"alg": "HS256", "kid": "rsa"}),
    "an algorithm of another key": lambda: unsigned({"alg": "ES256", "kid": "rsa"}),
    "a key that the token brings": lambda: unsigned({"alg": "RS256", "jwk": published("x", OTHER)}),
    "something critical": lambda: unsigned({"alg": "RS256", "kid": "rsa", "crit": ["b64"], "b64": False}),
    "a key named by a number": lambda: unsigned({"alg": "RS256", "kid": 7}),
    "no head": lambda: f"AAAA.{token().split('.')[1]}.AAAA",
    "an altered body": lambda: ".".join([(whole := token().split("."))[0], whole[1][:-2] + "AA", whole[2]]),
    "an end without end": lambda: token(exp=10**30),
    "an end that is no time": lambda: token(exp="soon"),
}


@pytest.mark.parametrize("made", BAD.values(), ids=BAD)
async def test_a_token_that_is_wrong_is_refused(site: Site, made: Any) -> None:
    with pytest.raises(TokenError):
        await site.issuer().question(made(), SELF)


async def test_the_issuers_clock_may_be_half_a_minute_off(site: Site) -> None:
    issuer = site.issuer()
    ended = await issuer.question(token(exp=ago(seconds=25)), SELF)
    early = await issuer.question(token(nbf=ago(seconds=-25), iat=ago(seconds=-25)), SELF)
    usual = await issuer.question(token(), SELF)
    assert (ended.tenant, ended.name) == (early.tenant, early.name) == (usual.tenant, usual.name)


async def test_a_token_without_a_time_before_which_it_does_not_count_counts(site: Site) -> None:
    issuer = site.issuer()
    assert (await issuer.question(token(without="nbf"), SELF)).name == (await issuer.question(token(), SELF)).name


async def test_a_public_key_is_no_shared_secret(site: Site) -> None:
    import hashlib
    import hmac

    head, body, _ = unsigned({"alg": "HS256", "kid": "rsa"}).split(".")
    mac = hmac.new(secret_of(RSA), f"{head}.{body}".encode(), hashlib.sha256).digest()
    forged = f"{head}.{body}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
    site.keys.append({"kty": "oct", "kid": "rsa", "k": base64.urlsafe_b64encode(secret_of(RSA)).decode()})
    with pytest.raises(TokenError):
        await site.issuer().question(forged, SELF)


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_a_key_that_is_too_short_or_for_another_algorithm_or_use_verifies_nothing(site: Site) -> None:
    small = rsa.generate_private_key(65537, 1024)
    for key in (published("rsa", small), published("rsa", RSA, alg="RS512"), published("rsa", RSA, use="enc")):
        site.keys = [key]
        with pytest.raises(TokenError):
            await site.issuer().question(token(signer=small if key["n"] != published("rsa", RSA)["n"] else RSA), SELF)


def said(**claims: Any) -> dict[str, Any]:
    return {"exp": 2_000_000_000, "tenant": "acme", "sub": "ann", **claims}


def roles(claims: Claims, **given: Any) -> tuple[str, ...]:
    return identified(said(**given), claims, SELF).roles


def test_roles_are_a_list_or_one_text_and_may_be_inside_an_object() -> None:
    assert roles(Claims(), roles=["reader", "sharer", "x"]) == ("reader", "sharer")
    assert roles(Claims(), roles="publisher  reader") == ("publisher", "reader")
    inside = {"realm_access": {"roles": ["reader"]}, "https://imprint.test/roles": ["owner"]}
    assert roles(Claims(roles="realm_access.roles"), **inside) == ("reader",)
    assert roles(Claims(roles="https://imprint.test/roles"), **inside) == ("owner",)
    for wrong in (None, 7, {"reader": True}, [["reader"]]):
        assert roles(Claims(), roles=wrong) == ()


def test_the_providers_roles_are_given_only_under_a_name_that_the_settings_say() -> None:
    assert roles(Claims(), roles=["operator", "auditor", "owner"]) == ("owner",)
    named = Claims(renamed={"imprint-admins": "operator", "staff": "reader"})
    assert roles(named, roles=["imprint-admins", "staff", "operator"]) == ("operator", "reader")


def test_tenants_may_come_from_the_settings_and_service_accounts_by_a_claim() -> None:
    found = identified(said(tenant="other"), Claims(tenant="", of_tenant="acme"), SELF)
    assert (found.tenant, found.kind) == ("acme", "user")
    assert identified(said(client_id="ci"), Claims(service="client_id"), SELF).kind == "service"
    assert identified(said(), Claims(service="client_id"), SELF).kind == "user"


# --- keys -------------------------------------------------------------------------------------------------------------


async def test_a_key_that_is_new_is_fetched_and_an_unknown_one_at_most_every_ten_seconds(site: Site) -> None:
    issuer = site.issuer()
    await issuer.question(token(), SELF)
    assert len(site.fetched) == 1
    new = rsa.generate_private_key(65537, 2048)
    site.keys.append(published("new", new))
    with pytest.raises(TokenError):
        await issuer.question(token(kid="new", signer=new), SELF)
    assert len(site.fetched) == 1, "just fetched"
    site.now += PAUSE
    await issuer.question(token(kid="new", signer=new), SELF)
    for number in range(50):
        with pytest.raises(TokenError):
            await issuer.question(token(kid=f"unknown-{number}"), SELF)
    assert len(site.fetched) == 2


async def test_many_with_a_new_key_at_once_fetch_it_once(site: Site) -> None:
    issuer = site.issuer()
    await asyncio.gather(*(issuer.question(token(), SELF) for _ in range(20)))
    assert len(site.fetched) == 1


async def test_a_key_that_the_issuer_gave_up_is_forgotten_and_one_that_is_away_is_not_missed(site: Site) -> None:
    issuer = site.issuer()
    await issuer.question(token(), SELF)
    site.away = True
    site.now += FRESH
    await issuer.question(token(), SELF)
    site.away, site.keys = False, [published("ec", EC)]
    site.now += PAUSE
    with pytest.raises(TokenError):
        await issuer.question(token(), SELF)
    await issuer.question(token("ec"), SELF)


async def test_whose_key_is_known_does_not_wait_for_an_issuer_that_hangs(site: Site) -> None:
    issuer, hangs = site.issuer(), threading.Event()
    await issuer.question(token(), SELF)
    site.now += FRESH
    answer, site.hold = site.hold, hangs.wait
    try:
        asking = asyncio.create_task(issuer.question(token(), SELF))
        done, _ = await asyncio.wait({asking}, timeout=PATIENCE)
        assert done, "the issuer has not answered yet"
        assert asking.result().name == "ann"
    finally:
        hangs.set()
        site.hold = answer


async def test_an_issuer_that_never_answered_leaves_it_open_whether_a_token_is_good(site: Site) -> None:
    site.away = True
    issuer = site.issuer()
    for _ in range(5):
        with pytest.raises(NoKeysError):
            await issuer.question(token(), SELF)
    assert len(site.fetched) == 1


async def test_the_issuers_description_says_where_its_keys_are(site: Site) -> None:
    await site.issuer(url="").question(token(), SELF)
    assert site.fetched == [ISSUER + DISCOVERY, "https://keys.test/"]


@pytest.mark.parametrize(
    "document",
    [b"", b"[]", b"nonsense", b'{"issuer": "https://else.test", "jwks_uri": "https://keys.test/"}', b"[" * 100_000],
)
async def test_a_description_that_is_another_issuers_or_none_gives_no_keys(document: bytes) -> None:
    keys = KeySet(ISSUER, "", fetch=lambda _: document)
    with pytest.raises(FetchError):
        await keys.key("rsa")


def test_keys_that_sign_nothing_are_left_out() -> None:
    wrong: list[Any] = [None, "x", {"kty": "oct", "kid": "a"}, {"kty": "RSA", "kid": "b", "key_ops": ["encrypt"]}]
    assert usable([*wrong, published("rsa", RSA, key_ops=["verify"])]).keys() == {"rsa"}
    assert len(usable([published(str(number), EC) for number in range(500)])) == 100


@pytest.mark.parametrize(
    "url", ["http://issuer.test/", "file:///etc/passwd", "ftp://127.0.0.1/", "https:///x", "", "//"]
)
def test_keys_come_over_https_or_from_this_machine(url: str) -> None:
    assert not acceptable(url)
    with pytest.raises(FetchError):
        fetched(url)
    assert acceptable("https://issuer.test/")
    assert acceptable("http://127.0.0.1:8081/")


@contextmanager
def serving(answers: dict[str, tuple[int, dict[str, str], bytes]]) -> Iterator[str]:
    """An HTTP server with these answers; its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = answers.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_redirect_an_error_and_a_document_without_end_are_no_keys() -> None:
    answers: dict[str, Any] = {
        "/moved": (302, {"Location": "/good"}, b""),
        "/large": (200, {}, b" " * (LARGEST + 1)),
        "/good": (200, {}, b"{}"),
    }
    with serving(answers) as url:
        assert fetched(f"{url}/good") == b"{}"
        for path in ("/moved", "/large", "/missing"):
            with pytest.raises(FetchError):
                fetched(url + path)


# --- through the door -------------------------------------------------------------------------------------------------


@asynccontextmanager
async def trusting(settings: GatewaySettings, folder: Path, url: str) -> AsyncIterator[httpx.AsyncClient]:
    named = msgspec.structs.replace(
        settings, data=str(folder / "trusting"), oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_keys_url=f"{url}/keys"
    )
    async with gateway(named) as door, client_of(door, None) as http:
        yield http


async def test_a_bearer_of_an_issuers_token_is_served_as_what_he_is(
    services: Backend, settings: GatewaySettings, tmp_path: Path
) -> None:
    keys = json.dumps({"keys": [published("rsa", RSA)]}).encode()
    with serving({"/keys": (200, {}, keys)}) as url:
        async with trusting(settings, tmp_path, url) as http:
            good = {"authorization": f"Bearer {token()}"}
            assert (await http.get("/v1/pods", headers=good)).status_code == 200
            assert services.last.actor == Actor(tenant="acme", name="ann", roles=("owner",))
            wrong = await http.get("/v1/pods", headers={"authorization": f"Bearer {token(aud='else')}"})
            nothing = await http.get("/v1/pods")
            assert (wrong.status_code, wrong.content) == (401, nothing.content)
            services.answers[Identify] = lambda _: Problem(code="tenant_disabled", detail="Disabled.")
            disabled = await http.get("/v1/pods", headers={"authorization": f"Bearer {token(sub='eve')}"})
            assert (disabled.status_code, disabled.content) == (401, nothing.content)


async def test_without_the_issuers_keys_local_tokens_are_taken_and_others_later(
    services: Backend, settings: GatewaySettings, tmp_path: Path
) -> None:
    services.let("local")
    with serving({}) as url:
        async with trusting(settings, tmp_path, url) as http:
            answer = await http.get("/v1/pods", headers={"authorization": f"Bearer {token()}"})
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert (await http.get("/v1/pods", headers={"authorization": "Bearer local"})).status_code == 200


GOOD = {"IMPRINT_DATA": "x", "IMPRINT_PLAIN_HTTP": "true", "IMPRINT_OIDC_ISSUER": ISSUER, "IMPRINT_OIDC_AUDIENCE": "a"}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"IMPRINT_OIDC_AUDIENCE": ""}, "oidc_audience"),
        ({"IMPRINT_OIDC_ISSUER": "http://issuer.test"}, "https"),
        ({"IMPRINT_OIDC_KEYS_URL": "http://issuer.test/keys"}, "https"),
        ({"IMPRINT_OIDC_ROLES": "admins=root"}, "oidc_roles"),
        ({"IMPRINT_OIDC_ROLES": "operator"}, "oidc_roles"),
        ({"IMPRINT_PLAIN_HTTP": "false"}, "plain_http"),
        ({"IMPRINT_HOST": "0.0.0.0"}, "loopback"),
        ({"IMPRINT_HTTPS_KEY_FILE": "key.pem"}, "together"),
        ({"IMPRINT_HTTPS_KEY_FILE": "key.pem", "IMPRINT_HTTPS_CERTIFICATE_FILE": "crt.pem"}, "either"),
    ],
)
def test_settings_that_would_open_the_door_too_far_are_none(changes: dict[str, str], names: str) -> None:
    with pytest.raises(SettingsError, match=names):
        load(GatewaySettings, GOOD | changes)


def test_roles_of_the_issuer_are_named_in_the_settings() -> None:
    settings = load(GatewaySettings, GOOD | {"IMPRINT_OIDC_ROLES": "imprint-admins=operator, staff=reader"})
    assert settings.renamed_roles == {"imprint-admins": "operator", "staff": "reader"}
