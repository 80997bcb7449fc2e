"""Who may import whom (design: a service's core knows nothing of the world), read from the syntax trees."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SERVICES = ("catalog", "replicator", "connector", "sharing", "notifier", "gateway")
STDLIB = frozenset(sys.stdlib_module_names)
WORLD = frozenset(
    {
        "asyncio", "random", "secrets", "uuid", "time", "os", "io", "socket", "subprocess", "threading", "pathlib",
        "shutil", "tempfile", "sqlite3", "http", "urllib", "logging", "concurrent", "multiprocessing", "signal",
    }
)  # fmt: skip
"""What a functional core must not touch: clocks, chance, I/O."""

RUNTIME_ONLY = frozenset({"nats", "faststream", "aiosqlite"})
ALLOWED: dict[str, frozenset[str]] = {
    "contracts": frozenset({"msgspec"}),
    "catalog": frozenset({"msgspec", "structlog"}),
    "replicator": frozenset({"msgspec", "structlog"}),
    "sharing": frozenset({"msgspec", "structlog"}),
    "notifier": frozenset({"msgspec", "structlog", "h11"}),
    "connector": frozenset({"msgspec", "structlog", "blake3", "oslo_utils", "aiohttp", "zstandard"}),
    "gateway": frozenset({"msgspec", "structlog", "litestar", "uvicorn", "uvloop", "h11", "jwt"}),
    "imprint": frozenset({"msgspec", "click", "rich", "httpx", "blake3", "zstandard", "cryptography", "yaml"}),
}
"""Third-party packages of each package of ours; `runtime` may use any."""


def modules(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """The modules that a file imports, with the line."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield node.module or "", node.lineno


def violations(package: str, folder: Path) -> list[str]:
    ours = {"contracts", "runtime", "imprint", *SERVICES}
    may = {package, "contracts"} if package == "contracts" else {package, "contracts", "runtime"}
    found = []
    for path in modules(folder):
        core = package in SERVICES and "domain" in path.relative_to(folder).parts
        for name, line in imports(path):
            top = name.partition(".")[0]
            where = f"{path.relative_to(ROOT)}:{line}: {name}"
            if top in ours:
                if top not in may or (core and top not in {package, "contracts"}):
                    found.append(f"{where} is another room's")
                elif core and top == package and not name.startswith(f"{package}.domain"):
                    found.append(f"{where}: the core knows only the core")
            elif top in STDLIB:
                if core and top in WORLD:
                    found.append(f"{where}: the core touches the world")
            elif core and top != "msgspec":
                found.append(f"{where}: the core needs no library")
            elif package != "runtime" and top not in ALLOWED[package]:
                found.append(f"{where} is not this package's to import")
    return found


@pytest.mark.parametrize("package", ["contracts", "runtime"])
def test_the_libraries_import_only_what_they_may(package: str) -> None:
    assert violations(package, ROOT / "libs" / package) == []


@pytest.mark.parametrize("package", SERVICES)
def test_a_service_imports_contracts_runtime_and_itself_and_its_core_nothing_of_the_world(package: str) -> None:
    assert violations(package, ROOT / "services" / package) == []


def test_the_client_imports_no_service() -> None:
    assert violations("imprint", ROOT / "clients" / "imprint") == []


def test_only_the_runtime_speaks_to_the_broker_and_the_database() -> None:
    for package, allowed in ALLOWED.items():
        assert not allowed & RUNTIME_ONLY, package


def test_only_main_reads_the_environment() -> None:
    found = []
    for service in SERVICES:
        for path in modules(ROOT / "services" / service):
            for node in ast.walk(ast.parse(path.read_text())):
                if (
                    path.name != "__main__.py"
                    and isinstance(node, ast.Attribute)
                    and node.attr in {"environ", "getenv"}
                ):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == []


def test_the_check_itself_sees_forbidden_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    core = tmp_path / "catalog" / "domain"
    core.mkdir(parents=True)
    (core / "bad.py").write_text("import random\nfrom replicator.domain import copy\nimport catalog.handlers\n")
    (tmp_path / "catalog" / "handlers.py").write_text("import nats\nimport sharing\nimport msgspec, json\n")
    assert [line.split(": ", 1)[1] for line in violations("catalog", tmp_path / "catalog")] == [
        "random: the core touches the world",
        "replicator.domain is another room's",
        "catalog.handlers: the core knows only the core",
        "nats is not this package's to import",
        "sharing is another room's",
    ]
