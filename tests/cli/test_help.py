"""What ``--help`` says, and what it does without."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from imprint.__main__ import COMMANDS, main
from imprint.exits import MEANINGS

HEAVY = ("httpx", "rich", "msgspec", "yaml", "nats", "runtime", "contracts")


def test_help_lists_every_command_and_every_exit_code() -> None:
    text = CliRunner().invoke(main, ["--help"]).stdout
    for name in COMMANDS:
        assert f"\n  {name}" in text
    for code, meaning in MEANINGS.items():
        assert f"{int(code)}  {meaning}" in text


def test_help_imports_nothing_that_only_commands_need() -> None:
    code = f"""
import sys
from imprint.__main__ import main
main(["--help"], standalone_mode=False)
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_help_and_the_summary_agrees_with_it(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert "--help" in result.stdout
    command = main.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    assert command.name == name


def subcommands() -> list[tuple[str, ...]]:
    found = []
    for name in COMMANDS:
        command = main.get_command(None, name)  # type: ignore[arg-type]
        if isinstance(command, click.Group):
            found += [(name, word) for word in command.list_commands(None)]  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("words", subcommands(), ids=" ".join)
def test_every_command_of_a_group_says_what_it_is_for(words: tuple[str, ...]) -> None:
    command = main.get_command(None, words[0])  # type: ignore[arg-type]
    assert isinstance(command, click.Group)
    part = command.get_command(None, words[1])  # type: ignore[arg-type]
    assert part is not None
    assert part.help, words
    assert part.name == words[1]
    assert CliRunner().invoke(main, [*words, "--help"]).exit_code == 0


def test_an_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(main, ["import"]).exit_code == 2
