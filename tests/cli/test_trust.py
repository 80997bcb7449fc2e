"""Which server, token and certificate a command uses, and to whom it shows the token."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from cli.responder import Gateway, page
from gateway.tls import Certificate
from imprint import trust
from imprint.__main__ import main
from imprint.client import Client
from imprint.exits import UnreachableError
from imprint.local import https
from imprint.local.secret_files import write_secret

ENVIRONMENT = ("IMPRINT_SERVER", "IMPRINT_TOKEN", "IMPRINT_TOKEN_FILE", "IMPRINT_CA")
Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `imprint image list` with these options and this environment."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)

    def call(*options: str, **environment: str) -> Result:
        return CliRunner().invoke(main, ["image", "list", *options], env=environment)

    return call


@pytest.fixture
def here(gateway: Gateway, tmp_path: Path) -> Path:
    """A data folder from which `gateway` runs."""
    gateway.on("GET", "/v1/images", page())
    return folder_of(tmp_path / ".imprint", gateway.url, "of-the-folder")


def folder_of(folder: Path, url: str, token: str) -> Path:
    folder.mkdir(parents=True)
    (folder / trust.ADDRESS).write_text(url + "\n")
    write_secret(folder / trust.TOKEN, token + "\n")
    return folder


def shown(gateway: Gateway) -> list[str | None]:
    return [asked.headers.get("authorization") for asked in gateway.asked]


def test_what_runs_from_this_folder_is_asked_with_the_token_in_it(here: Path, gateway: Gateway, run: Run) -> None:
    assert run().exit_code == 0
    assert run("--server", gateway.url).exit_code == 0
    assert run(IMPRINT_SERVER=gateway.url + "/").exit_code == 0
    assert shown(gateway) == ["Bearer of-the-folder"] * 3


def test_what_is_for_this_machine_passes_no_proxy(here: Path, gateway: Gateway, run: Run) -> None:
    nobody = "http://127.0.0.1:1"
    assert run(HTTP_PROXY=nobody, http_proxy=nobody, ALL_PROXY=nobody).exit_code == 0
    assert shown(gateway) == ["Bearer of-the-folder"]


def test_a_token_of_the_environment_goes_before_that_of_the_folder(
    here: Path, gateway: Gateway, run: Run, tmp_path: Path
) -> None:
    assert run(IMPRINT_TOKEN="own").exit_code == 0
    (tmp_path / "token").write_text("filed\n")
    assert run(IMPRINT_TOKEN_FILE=str(tmp_path / "token")).exit_code == 0
    assert shown(gateway) == ["Bearer own", "Bearer filed"]
    assert run(IMPRINT_TOKEN_FILE=str(tmp_path / "none")).exit_code == 2


def test_a_folder_one_happens_to_be_in_gets_no_token_of_the_environment_for_another_machine(
    here: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / trust.ADDRESS).write_text("https://imprint.test\n")
    (here / trust.CERTIFICATE).parent.mkdir()
    monkeypatch.setattr(trust, "pinned", lambda _: None)
    result = run(IMPRINT_TOKEN="own")
    assert (result.exit_code, "--data" in result.output) == (2, True)
    assert "own" not in result.output


def test_another_server_never_gets_the_folders_token(here: Path, gateway: Gateway, run: Run, tmp_path: Path) -> None:
    (here / trust.ADDRESS).write_text("https://127.0.0.1:1\n")
    assert run("--server", gateway.url).exit_code == 0
    assert run(IMPRINT_SERVER=gateway.url).exit_code == 0
    assert run("--server", gateway.url, IMPRINT_TOKEN="own").exit_code == 0
    assert shown(gateway) == [None, None, "Bearer own"]


def test_another_folder_may_be_named_and_goes_before_the_environment(
    here: Path, gateway: Gateway, run: Run, tmp_path: Path
) -> None:
    other = folder_of(tmp_path / "other", gateway.url, "of-the-other")
    (here / trust.ADDRESS).write_text("https://127.0.0.1:1\n")
    assert run("--data", str(other), IMPRINT_SERVER="https://127.0.0.1:1").exit_code == 0
    assert shown(gateway) == ["Bearer of-the-other"]
    result = run("--data", str(tmp_path / "nothing"), IMPRINT_SERVER=gateway.url)
    assert (result.exit_code, "--data" in result.output) == (5, True)


async def test_a_token_goes_to_no_other_address_wherever_an_answer_points() -> None:
    asked: list[tuple[str, str | None]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((str(request.url), request.headers.get("authorization")))
        return httpx.Response(302, headers={"location": "https://elsewhere.test/"}) if len(asked) == 1 else empty()

    def empty() -> httpx.Response:
        return httpx.Response(200, json={"items": [], "next": None})

    server = "https://imprint.test"
    async with Client(server, token="secret", transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(Exception, match="302"):
            await client.images()
        for url in (
            "/v1/x", "https://imprint.test:443/v1/x", "https://elsewhere.test/v1/x", "http://imprint.test/v1/x",
            "https://imprint.test:444/", "https://imprint.test.elsewhere.test/", "//elsewhere.test/x",
            "https://imprint.test@elsewhere.test/",
        ):  # fmt: skip
            await client.send("HEAD", url)
        async with client.stream("GET", "https://elsewhere.test/stream"):
            pass
    assert len(asked) == 10
    assert {url for url, token in asked if token is None} == {
        "https://elsewhere.test/v1/x", "http://imprint.test/v1/x", "https://imprint.test:444/",
        "https://imprint.test.elsewhere.test/", "https://imprint.test@elsewhere.test/", "https://elsewhere.test/stream",
    }  # fmt: skip
    assert {token for _, token in asked if token is not None} == {"Bearer secret"}


@pytest.mark.parametrize("server", ["http://imprint.test", "http://192.0.2.1:8080", "http://localhost.test"])
async def test_a_token_never_goes_over_the_network_in_the_clear(server: str) -> None:
    with pytest.raises(UnreachableError, match="in the clear"):
        Client(server, token="secret")
    async with Client(server) as client:
        assert client.server == server


# --- certificates -----------------------------------------------------------------------------------------------------


@contextmanager
def secure(folder: Path, tokens: list[str | None]) -> Iterator[str]:
    """An HTTPS server with a certificate of its own in ``folder``; it notes the tokens that it sees."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tokens.append(self.headers.get("authorization"))
            body = json.dumps({"items": [], "next": None}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    https.make(folder / "authority", folder / "made")
    (folder / "gateway").mkdir(exist_ok=True)
    pair = folder / "made" / https.CERTIFICATE, folder / "made" / https.KEY
    context = Certificate(*pair, folder / trust.CERTIFICATE).context
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_the_folders_server_must_show_the_certificate_that_is_in_the_folder(run: Run, tmp_path: Path) -> None:
    tokens: list[str | None] = []
    data = tmp_path / ".imprint"
    with secure(tmp_path / "site", tokens) as url:
        folder_of(data, url, "of-the-folder")
        (data / "gateway").mkdir()
        good = (tmp_path / "site" / trust.CERTIFICATE).read_bytes()
        (data / trust.CERTIFICATE).write_bytes(good)
        assert run().exit_code == 0
        https.make(tmp_path / "site" / "authority", tmp_path / "elsewhere")
        (data / trust.CERTIFICATE).write_bytes((tmp_path / "elsewhere" / https.CERTIFICATE).read_bytes())
        assert run().exit_code == 5
    assert tokens == ["Bearer of-the-folder"]


def test_a_named_server_is_believed_in_by_the_authority_that_is_named(run: Run, tmp_path: Path) -> None:
    tokens: list[str | None] = []
    with secure(tmp_path / "site", tokens) as url:
        result = run("--server", url, IMPRINT_TOKEN="own")
        assert (result.exit_code, "IMPRINT_CA" in result.output) == (5, True)
        authority = str(tmp_path / "site" / "made" / https.TRUST)
        assert run("--server", url, IMPRINT_TOKEN="own", IMPRINT_CA=authority).exit_code == 0
        assert run("--server", url, IMPRINT_TOKEN="own", IMPRINT_CA=str(tmp_path / "none")).exit_code == 2
    assert tokens == ["Bearer own"]
