"""The page of commands names every command, option, exit code and variable, and its examples are what comes out."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any, Final

import click
import pytest

from mingqu import cli
from mingqu.main import Wiring

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "reference" / "commands.md"


def flattened(group: click.Group, *, before: str = "") -> dict[str, click.Command]:
    """Return the commands of a group by their full names; those of a group inside it as "operator add"."""
    found: dict[str, click.Command] = {}
    asked = click.Context(group)
    for name in group.list_commands(asked):
        command = group.get_command(asked, name)
        assert command is not None
        if isinstance(command, click.Group):
            found |= flattened(command, before=f"{before}{name} ")
        else:
            found[f"{before}{name}"] = command
    return found


COMMANDS: Final = flattened(cli.commands)
# Examples that need no book: they are run, and what they print is compared to the letter.
AT_ONCE: Final = (
    "mingqu version --json",
    "mingqu close --to yesterday --json",
    "mingqu pool docs/reference/pool-month.json --json",
)


def sections(page: str) -> dict[str, str]:
    """Return the text under each heading "mingqu NAME"."""
    parts = re.split(r"^## mingqu ([\w -]+)\n", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def options(section: str) -> list[str]:
    """Return the options that the table of a section explains."""
    return re.findall(r"^\| `(--[a-z-]+)` \| \S", section, re.MULTILINE)


def faults(page: str, commands: dict[str, click.Command]) -> list[str]:
    """Return how the page differs from the program."""
    written = sections(page)
    found = [f"{name} is not on the page" for name in commands if name not in written]
    for name, section in written.items():
        if name not in commands:
            found.append(f"{name} is no command")
            continue
        real = [option.opts[0] for option in commands[name].params if isinstance(option, click.Option)]
        found += [f"{name} {option} is not on the page" for option in real if option not in options(section)]
        found += [f"{name} has no {option}" for option in options(section) if option not in real]
        if f"```sh\nmingqu {name}" not in section:
            found.append(f"{name} has no example")
    return found


def examples(page: str) -> dict[str, Any]:
    """Return the JSON value that the page shows for each example with --json."""
    pairs = re.findall(r"^```sh\n(mingqu [^\n]*--json)\n```\n\n```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return {words: json.loads(value) for words, value in pairs}


def shape(value: Any) -> Any:
    """Return a value with names of types in place of what varies from run to run."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def test_the_page_and_the_program_name_the_same_commands_and_options() -> None:
    assert faults(PAGE.read_text(encoding="utf-8"), COMMANDS) == []


@pytest.mark.parametrize("words", AT_ONCE)
def test_an_example_prints_what_the_page_shows(
    words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    cli.run(Wiring(), shlex.split(words)[1:])
    assert json.loads(capsys.readouterr().out) == examples(PAGE.read_text(encoding="utf-8"))[words]


def test_every_command_that_speaks_json_shows_it() -> None:
    said = [words.removeprefix("mingqu ") for words in examples(PAGE.read_text(encoding="utf-8"))]
    shown = {name for name in COMMANDS for words in said if words == name or words.startswith(f"{name} ")}
    assert shown == {name for name in COMMANDS if "--json" in [option.opts[0] for option in COMMANDS[name].params]}


def test_reports_on_the_page_have_the_promised_members() -> None:
    shown = examples(PAGE.read_text(encoding="utf-8"))
    story, proved = shown["mingqu demo --data story --json"], shown["mingqu verify --data story --json"]
    assert shape(story["people"][1]["reasons"]) == [{"code": "str", "text": "str", "remedy": "str"}]
    assert story["people"][2]["disbursement_states"] == ["RESERVED", "SENT", "UNKNOWN", "PAID"]
    assert set(story["proofs"]) == {"ledger", "loans", "channels", "evidence"}
    assert proved["invariants"] == {str(number): True for number in range(1, 9)}
    for row in shown["mingqu bench schedule --json"]:
        assert row["ratio"] == pytest.approx(row["value"] / row["yardstick_value"], abs=0.001)


def test_every_exit_code_is_explained() -> None:
    explained = set(map(int, re.findall(r"^\| (\d+) \| \S", PAGE.read_text(encoding="utf-8"), re.MULTILINE)))
    assert explained == {0, cli.EXIT_FALSE, cli.EXIT_REFUSED, cli.EXIT_BROKEN, cli.EXIT_STOPPED}


def test_every_variable_that_the_program_reads_is_explained() -> None:
    source = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "src").rglob("*.py"))
    explained = re.findall(r"^\| `(MINGQU_[A-Z_]+)` \| \S", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(explained) == set(re.findall(r"\bMINGQU_[A-Z_]+", source))


def test_planted_faults_are_caught() -> None:
    @click.command()
    @click.option("--new")
    def fresh(new: str) -> None: ...

    page = "## mingqu old\n\n## mingqu fresh\n\n| `--gone` | nothing |\n"
    assert faults(page, {"fresh": fresh, "other": fresh}) == [
        "other is not on the page",
        "old is no command",
        "fresh --new is not on the page",
        "fresh has no --gone",
        "fresh has no example",
    ]
