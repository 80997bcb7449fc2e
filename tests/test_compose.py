"""docker-compose.yml and the image, held against the code: services, settings, files."""

import os
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from cli.test_installation import settings_of
from contracts.events import Speaker
from contracts.permissions import ADMIN, clients
from imprint.__main__ import main
from imprint.local import https, keys
from imprint.local.broker import binary, configuration
from imprint.local.certificates import names as certified
from imprint.local.certificates import read
from runtime.settings import PREFIX, load

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
PROCESSES = {name: service for name, service in SERVICES.items() if service["command"][:2] == ["python", "-m"]}
PODS = [name for name in PROCESSES if name.startswith("pod-")]
CLIENTS = {client.name: client for client in clients(PODS)}
"""Who may log in to NATS."""
MADE = {volume.partition(":")[0]: volume.partition(":")[2] for volume in SERVICES["keys"]["volumes"]}
"""Volume -> the folder in which the keys service fills it."""


def package(name: str) -> str:
    """The package that a service runs."""
    return str(SERVICES[name]["command"][2])


def mounted(name: str) -> list[str]:
    """The folders of a service that outlive it."""
    return [volume.split(":")[1] for volume in SERVICES[name]["volumes"]]


def test_everything_runs_once_and_three_pods_have_a_connector() -> None:
    packages = sorted(package(name) for name in PROCESSES)
    hub = [str(speaker) for speaker in (Speaker.CATALOG, Speaker.REPLICATOR, Speaker.SHARING, Speaker.NOTIFIER)]
    assert packages == sorted([*hub, "gateway", "connector", "connector", "connector"])
    assert set(SERVICES) - set(PROCESSES) == {"keys", "nats", "topology", "cli"}
    assert all(find_spec(found) for found in packages)


@pytest.mark.parametrize("name", PROCESSES)
def test_every_variable_is_a_setting_and_every_setting_that_is_needed_is_there(name: str) -> None:
    environment = {key: str(value) for key, value in SERVICES[name]["environment"].items()}
    kind = settings_of(package(name))
    assert {key.removeprefix(PREFIX).lower() for key in environment} <= set(kind.__struct_fields__)
    settings = load(kind, environment)
    assert settings.nats_url == "nats://nats:4222"
    assert settings.nats_user == (f"connector-{name}" if package(name) == "connector" else name)
    assert settings.nats_user in CLIENTS
    assert settings.data in mounted(name)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the keys service makes: its command, run on another folder."""
    folder = tmp_path_factory.mktemp("keys")
    arguments = [str(folder) if word == "/keys" else word for word in SERVICES["keys"]["command"][1:]]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    return folder


def own_secrets(name: str) -> tuple[str, str]:
    """The volume with the secrets of a service, and the folder in which the keys service fills it."""
    (volume,) = [volume.split(":") for volume in SERVICES[name]["volumes"] if volume.startswith("keys-")]
    assert volume[1:] == ["/keys", "ro"]
    return volume[0], MADE[volume[0]]


@pytest.mark.parametrize("name", [*PROCESSES, "topology"])
def test_every_file_that_a_setting_names_is_mounted_and_made_by_the_keys_service(name: str, secrets: Path) -> None:
    _, folder = own_secrets(name)
    assert folder == f"/keys/{SERVICES[name]['environment']['IMPRINT_NATS_USER']}"
    files = [Path(value) for value in SERVICES[name]["environment"].values() if str(value).startswith("/keys/")]
    assert files
    for file in files:
        assert str(file.parent) == "/keys"
        assert (secrets / Path(folder).name / file.name).is_file()


def test_everyones_secrets_are_in_a_volume_that_nobody_else_sees() -> None:
    holders = [own_secrets(name)[0] for name in [*PROCESSES, "topology", "nats"]]
    assert len(set(holders)) == len(holders)
    assert set(holders) | {"keys-authority"} == set(MADE), "the authority's is for the keys service alone"
    assert "keys-authority" not in holders
    assert SERVICES["topology"]["environment"]["IMPRINT_NATS_USER"] == ADMIN


def test_whoever_may_log_in_is_named_to_the_keys_service(secrets: Path) -> None:
    assert set(MADE.values()) == {"/keys/authority", "/keys/nats", *(f"/keys/{name}" for name in CLIENTS)}
    text = (secrets / keys.ACCOUNTS).read_text()
    assert re.findall(r'user: "([^"]+)"', text) == list(CLIENTS)


def test_connectors_differ_and_never_see_the_hubs_secrets() -> None:
    connectors = [name for name in PROCESSES if package(name) == "connector"]
    for key in ("IMPRINT_POD", "IMPRINT_ADVERTISE"):
        assert len({SERVICES[name]["environment"][key] for name in connectors}) == len(connectors)
    for name in connectors:
        environment = SERVICES[name]["environment"]
        assert environment["IMPRINT_POD"] == name
        assert environment["IMPRINT_ADVERTISE"] == f"https://{name}:{environment['IMPRINT_DATA_PORT']}"
        assert environment["IMPRINT_ROOT"] in mounted(name)
        assert [volume for volume in SERVICES[name]["volumes"] if "keys" in volume] == [f"keys-{name}:/keys:ro"]


def test_the_command_line_finds_the_gateway_by_what_the_keys_service_made(secrets: Path) -> None:
    told = SERVICES["cli"]["environment"]
    assert told["IMPRINT_SERVER"] == f"https://gateway:{SERVICES['gateway']['environment']['IMPRINT_PORT']}"
    names = read(secrets / "gateway" / https.CERTIFICATE)
    assert names is not None
    assert "gateway" in certified(names)
    assert SERVICES["gateway"]["environment"]["IMPRINT_ALLOWED_HOSTS"] == "gateway"
    assert SERVICES["cli"]["volumes"] == ["keys-admin:/keys:ro"]
    for variable in ("IMPRINT_CA", "IMPRINT_TOKEN_FILE"):
        assert (secrets / ADMIN / Path(told[variable]).name).is_file()


@pytest.mark.parametrize("name", PROCESSES)
def test_the_healthcheck_asks_the_port_that_is_open(name: str) -> None:
    environment = SERVICES[name]["environment"]
    port = environment["IMPRINT_PORT" if package(name) == "gateway" else "IMPRINT_HEALTH_PORT"]
    assert f"127.0.0.1:{port}/health/ready" in SERVICES[name]["healthcheck"]["test"][-1]


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")


def test_only_gateway_and_notifier_have_a_way_out_and_the_one_port_is_on_this_machine_only() -> None:
    assert COMPOSE["networks"]["hub"]["internal"] is True
    assert {name for name, service in SERVICES.items() if service["networks"] != ["hub"]} == {"gateway", "notifier"}
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"gateway"}
    assert not set(SERVICES["gateway"]["networks"]) & set(SERVICES["notifier"]["networks"]) - {"hub"}
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["gateway"]["ports"])


def test_a_service_starts_when_the_streams_are_there_and_they_when_nats_answers() -> None:
    done, healthy = {"condition": "service_completed_successfully"}, {"condition": "service_healthy"}
    assert all(service["depends_on"] == {"topology": done} for service in PROCESSES.values())
    assert SERVICES["topology"]["depends_on"] == {"nats": healthy}
    assert SERVICES["nats"]["depends_on"] == {"keys": done}


@pytest.mark.parametrize("name", ["keys", "topology"])
def test_the_commands_of_the_one_shot_services_exist(name: str) -> None:
    program, *words = SERVICES[name]["command"]
    assert program == "imprint"
    with main.make_context("imprint", [*words, "--help"], resilient_parsing=True) as context:
        command = main
        while words and hasattr(command, "get_command"):
            found = command.get_command(context, words[0])
            assert found is not None, words[0]
            command = found
            words.pop(0)
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= options


def test_nats_runs_with_the_configuration_that_up_writes() -> None:
    accounts = "../../keys/accounts.conf"
    wanted = configuration(host="0.0.0.0", port=4222, store="/data", accounts=accounts)
    assert (ROOT / "deploy" / "nats.conf").read_text() == wanted
    assert "sync_interval: always" in wanted
    assert os.path.normpath(f"/etc/imprint/{accounts}") == "/keys/accounts.conf"
    assert keys.ACCOUNTS == "nats/accounts.conf"
    assert own_secrets("nats")[1] == "/keys/nats"
    assert SERVICES["nats"]["command"] == ["nats-server", "--config", "/etc/imprint/nats.conf"]
    assert "COPY deploy/nats.conf /etc/imprint/nats.conf" in DOCKERFILE
    assert "/data" in mounted("nats")


def test_the_server_takes_the_configuration_with_the_accounts_that_the_keys_service_makes(
    secrets: Path, tmp_path: Path
) -> None:
    config = tmp_path / "etc" / "imprint" / "nats.conf"
    config.parent.mkdir(parents=True)
    config.write_text((ROOT / "deploy" / "nats.conf").read_text())
    (tmp_path / "keys").symlink_to(secrets / "nats")
    checked = subprocess.run([binary(), "-t", "-c", str(config)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_every_volume_is_declared_and_every_folder_exists_in_the_image() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])
    for name, service in SERVICES.items():
        for folder in mounted(name) if "volumes" in service else []:
            assert re.search(rf"{re.escape(folder)}\b", DOCKERFILE), folder


def test_the_image_is_built_from_the_lock_and_runs_as_nobody_special() -> None:
    assert "--require-hashes" in DOCKERFILE
    assert re.search(r"^USER imprint$", DOCKERFILE, re.MULTILINE)
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for source in copied.split():
            assert (ROOT / source).exists(), source
    assert all((ROOT / service["build"]["dockerfile"]).exists() for service in SERVICES.values())


def test_the_lock_pins_every_direct_dependency_with_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pinned = set(re.findall(r"^([a-z0-9._-]+)==\S+ \\$", lock, re.MULTILINE))
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", lock)) >= len(pinned)
    project = (ROOT / "pyproject.toml").read_text()
    direct = re.findall(
        r'^    "([A-Za-z0-9._-]+)(?:\[[^\]]*\])?[^"]*",$', project.partition("[project.scripts]")[0], re.MULTILINE
    )
    assert {re.sub("[._]", "-", name.lower()) for name in direct} <= pinned
    assert "://" not in lock
