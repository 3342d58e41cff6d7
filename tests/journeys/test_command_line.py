"""The command line as other programs read it: one JSON value, exit codes, and a process that ends cleanly."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import click
import pytest

from mingqu import __version__, cli
from mingqu.channels.system.clock import SystemClock
from mingqu.demo import stories
from mingqu.domain.moment import start_of
from mingqu.main import Wiring
from mingqu.store.books import book
from mingqu.store.decisions import policy
from mingqu.store.server import keyring, migration
from mingqu.store.server.database import Database
from mingqu.store.server.postgres import open_server
from tests.journeys.command import ROOT, Said, command, environment, mingqu, passing_folder
from tests.journeys.conftest import Story
from tests.soak import SOAK

# The story is told once in a process; its tests therefore stay together in one.
pytestmark = pytest.mark.xdist_group("story")

COMMANDS: Final = sorted(cli.PLACES)
REAL_DATA: Final = ROOT.parent / "shared" / "data" / "taiwan_default_2005.csv.xz"
WAIT_SECONDS_MAX: Final = 60  # for a process that starts or ends on a busy machine
PERSON_KEYS: Final = {"name", "outcome", "reasons", "apr_effective", "loan_state", "disbursement_states"}
REPORT_KEYS: Final = {"people", "days_closed", "proofs", "evidence_root", "seconds"}


def person_faults(person: dict[str, Any]) -> list[str]:
    """Return what of one person is not as the contract says."""
    found = [] if set(person) == PERSON_KEYS else [f"keys {sorted(person)}"]
    if person["outcome"] not in ("settled", "refused", "active"):
        found.append(f"outcome {person['outcome']}")
    refused = person["outcome"] == "refused"
    if refused != bool(person["reasons"]):
        found.append("a refusal, and nobody else, has reasons")
    for reason in person["reasons"]:
        if set(reason) != {"code", "text", "remedy"} or not all(
            isinstance(said, str) and said for said in reason.values()
        ):
            found.append(f"reason {reason}")
    if refused != (person["apr_effective"] is None) or not (refused or 0 < person["apr_effective"] < 1):
        found.append(f"apr {person['apr_effective']}")
    if refused != (person["loan_state"] is None) or refused == bool(person["disbursement_states"]):
        found.append("whoever is refused has no loan")
    return found


def test_the_demonstration_answers_with_one_value_of_the_promised_shape(story: Story) -> None:
    report = story.said.value
    assert set(report) == REPORT_KEYS
    assert [person_faults(person) for person in report["people"]] == [[], [], []]
    assert report["days_closed"] == 366
    assert report["proofs"] == {"ledger": True, "loans": True, "channels": True, "evidence": True}
    assert len(bytes.fromhex(report["evidence_root"])) == 32
    assert isinstance(report["seconds"], float)
    assert story.said.code == 0


@pytest.mark.parametrize("name", stories.names() if SOAK else ["s2"])  # each takes some seconds; s2 least
def test_a_story_answers_with_one_value_and_every_reason_helps_in_both_languages(name: str) -> None:
    said = mingqu("demo", "--story", name, "--json")
    told = said.value
    assert (said.code, set(told), told["story"]) == (0, {"story", "steps", "proofs", "seconds"}, name)
    assert told["proofs"] == {"ledger": True, "loans": True, "channels": True, "evidence": True}
    assert isinstance(told["seconds"], float)
    assert len(told["steps"]) > 10
    for step in told["steps"]:
        assert set(step) == {"what", "outcome", "reasons"}, step
        assert bool(step["reasons"]) == (step["outcome"] in ("refused", "declined")), step
        for reason in step["reasons"]:
            assert set(reason) == {"code", "text", "remedy"}, reason
            for sentence in (reason["text"], reason["remedy"]):
                assert re.search("[\u4e00-\u9fff]", sentence), reason
                assert re.search("[a-z]{3}", sentence), reason


def test_the_three_people_end_as_the_story_says(story: Story) -> None:
    late, refused, silent = story.said.value["people"]
    assert (late["outcome"], late["loan_state"]) == ("settled", "settled")
    assert (refused["outcome"], len(refused["reasons"]) > 1) == ("refused", True)
    assert silent["outcome"] == "settled"
    healed = silent["disbursement_states"]
    assert healed.index("UNKNOWN") < healed.index("PAID") == len(healed) - 1
    assert late["disbursement_states"] == ["RESERVED", "SENT", "PAID"]


def test_its_prose_goes_to_standard_error(story: Story) -> None:
    assert "The book proves itself" in story.said.err
    assert "林*夏" in story.said.err


def test_a_kept_book_verifies(story: Story) -> None:
    said = mingqu("verify", "--data", story.data, "--json")
    report = said.value
    assert set(report) == {"invariants", "people", "loans", "transfers", "leaves", "seconds"}
    assert report["invariants"] == {str(number): True for number in range(1, 9)}
    assert (report["people"], report["loans"], said.code) == (3, 2, 0)
    assert report["transfers"] > 100
    assert report["leaves"] > 30


def test_a_tampered_book_does_not(story: Story) -> None:
    with _spoiled(story.data, by=1):
        said = mingqu("verify", "--data", story.data, "--json")
    report = said.value
    assert said.code == cli.EXIT_FALSE
    assert report["invariants"]["1"] is False
    assert report["invariants"]["7"] is True
    assert mingqu("verify", "--data", story.data, "--json").code == 0


@contextmanager
def _spoiled(data: Path, *, by: int) -> Iterator[None]:
    """Add some fen to one balance of a book, behind everybody's back, for a while."""
    with open_server(data=data) as server, Database(server.url) as database:
        for change in (by, -by):
            with database.transaction() as tx:
                tx.script("SET LOCAL session_replication_role = replica")
                tx.execute(
                    "UPDATE account SET debits_posted_fen = debits_posted_fen + %s WHERE (cell, owner, code) ="
                    " (SELECT cell, owner, code FROM account WHERE debits_posted_fen > 0 ORDER BY 1, 2, 3 LIMIT 1)",
                    (change,),
                )
                tx.commit()
            if change == by:
                yield


def test_verify_tells_people_what_each_invariant_means(story: Story) -> None:
    said = mingqu("verify", "--data", story.data)
    assert said.code == 0
    assert said.out.count("✓") == 8


def test_closing_again_changes_nothing_and_says_so(story: Story) -> None:
    said = mingqu("close", "--data", story.data, "--json")
    report = said.value
    assert set(report) == {
        "cell_days", "loan_events", "last_closed_on", "set_aside", "unproved", "stopped", "failed_chunks",
        "evidence_root", "seconds"
    }  # fmt: skip
    assert report["set_aside"] == report["unproved"] == []
    assert (report["cell_days"], report["last_closed_on"], said.code) == (0, "2027-08-15", 0)
    assert report["evidence_root"] == story.said.value["evidence_root"]


def test_accounts_are_read_on_any_day_and_a_statement_leads_from_one_balance_to_the_other(
    story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_server(data=story.data) as server, Database(server.url) as database, database.transaction() as tx:
        ((loan_id, lent_on),) = tx.execute(
            "SELECT debit_owner, posted_on FROM transfer WHERE debit_code = 1101 AND kind = 3 ORDER BY id LIMIT 1"
        ).fetchall()

    def account(*more: str) -> dict[str, Any]:
        """Run in this process: a process for each question would take most of the time."""
        code = cli.run(Wiring(), ["account", loan_id.hex, "--data", str(story.data), "--json", *more])
        said: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert code == (cli.EXIT_REFUSED if "refused" in said else 0)
        return said

    assert {row["balance_fen"] for row in account()["accounts"]} == {0}
    day = lent_on.isoformat()
    lent, due = (
        account("--code", code, "--as-of", day)["accounts"][0]["balance_fen"] for code in ("loan_principal", "1102")
    )
    assert (lent > 0, due) == (True, 0)
    period = ("--code", "1101", "--from", day, "--to", (lent_on + timedelta(days=366)).isoformat())
    whole = account(*period)
    assert (whole["opening"]["balance_fen"], whole["closing"]["balance_fen"], whole["next"]) == (0, 0, None)
    assert {lent} < {line["balance_fen"] for line in whole["lines"]}
    page = account(*period, "--limit", "2")
    assert page["lines"] + account(*period, "--after", page["next"])["lines"] == whole["lines"]
    for wrong, code in (
        (("--from", day), "command_malformed"),
        (("--code", "1101", "--from", day, "--to", "2026-01-01"), "statement_period_empty"),
        (("--code", "1101", "--from", day, "--to", day, "--after", "x"), "statement_page_unknown"),
        (("--code", "9001", "--from", day, "--to", day), "account_unknown"),
    ):
        assert account(*wrong)["refused"]["code"] == code


def test_a_draft_is_tried_on_a_book(story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (grid,) = (one for one in policy.load_pack().documents if one.body["id"] == "limit-total")
    cells = [[0 for _ in row] for row in grid.body["cells"]]
    cases = [{**case, "value": 0} for case in grid.body["case"]]
    file = tmp_path / "limit-2.json"
    file.write_text(json.dumps({**grid.body, "version": 2, "cells": cells, "case": cases}))

    def tried(*more: str) -> dict[str, Any]:
        words = ["lab", "replay", "--data", str(story.data), "--policy", str(file), "--json", *more]
        code = cli.run(Wiring(), words)
        said: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert code == (cli.EXIT_REFUSED if "refused" in said else 0)
        return said

    said = tried("--since", "2026-01-01")
    assert (said["applications"], said["approved_then"]) == (3, 2)
    assert (said["all"]["before"]["approved"], said["all"]["after"]["approved"], said["all"]["few"]) == (2, 0, True)
    assert (said["swap_out"]["people"], said["swap_in"]["people"]) == (2, 0)
    assert tried("--since", "2020-01-01", "--until", "2020-02-01")["refused"]["code"] == "period_empty"
    assert (
        tried("--since", "2026-01-01", "--policy", "01989f3a000070008000000000000001")["refused"]["code"] == "not_found"
    )


def test_migrating_a_book_of_this_version_applies_nothing(story: Story) -> None:
    said = mingqu("migrate", "--data", story.data, "--json")
    assert (said.value, said.err, said.code) == ({"applied": []}, "", 0)


def test_a_second_story_is_not_told_into_the_same_book(story: Story) -> None:
    said = mingqu("demo", "--data", story.data, "--json")
    assert (said.value["refused"]["code"], said.code) == ("book_exists", 2)
    assert mingqu("verify", "--data", story.data, "--json").value["people"] == 3


def test_the_version_is_printed_by_the_installed_command() -> None:
    script = Path(sys.executable).with_name("mingqu")
    said = subprocess.run([script, "version", "--json"], capture_output=True, text=True, check=True)
    assert (json.loads(said.stdout), said.stderr) == ({"version": __version__}, "")


def test_a_bench_states_its_yardstick() -> None:
    said = mingqu("bench", "offers", "--json")  # the quickest of them
    assert said.code == 0
    for row in said.value:
        assert set(row) == {"name", "value", "unit", "yardstick", "yardstick_value", "ratio"}
        assert row["ratio"] == pytest.approx(row["value"] / row["yardstick_value"], rel=0.01)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_teaches_each_command_and_each_of_its_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(_Nothing(), [name, "--help"]) == 0
    said = capsys.readouterr().out
    about = cli.commands.get_command(click.Context(cli.commands), name)
    assert about is not None
    assert len(about.help or "") > 10
    for option in about.params:
        if option.param_type_name == "option":
            assert option.opts[0] in said
            assert getattr(option, "help", None), f"{name} {option.opts[0]} is not explained"


class _Nothing:
    """A wiring for words that open nothing."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was opened")


def test_applicants_of_a_file_apply_borrow_and_are_counted(applicants: Said) -> None:
    report = applicants.value
    assert applicants.code == 0
    assert set(report) == REPORT_KEYS | {"portfolio"}
    assert [person_faults(person) for person in report["people"]] == [[]] * 4
    assert [person["outcome"] for person in report["people"]] == ["active", "active", "refused", "active"]
    assert report["portfolio"]["funnel"] == {"applied": 4, "approved": 3, "signed": 3, "paid_out": 3}
    # The one the data calls bad spends the loan and pays nothing; the others pay what falls due.
    assert report["portfolio"]["portfolio"]["bad_loans"] == 1
    assert report["portfolio"]["portfolio"]["overdue_loans"] == 1
    assert sum(band["applied"] for band in report["portfolio"]["bands"].values()) == 4
    assert report["days_closed"] == 90


@pytest.mark.skipif(not REAL_DATA.exists(), reason="the real credit data is not beside this clone")
def test_real_applicants_take_the_same_path() -> None:
    said = mingqu("demo", "--applicants", REAL_DATA, "--limit", "15", "--json")
    funnel = said.value["portfolio"]["funnel"]
    assert (said.code, funnel["applied"]) == (0, 15)
    assert 5 <= funnel["approved"] == funnel["signed"] == funnel["paid_out"] < 15
    assert all(said.value["proofs"].values())


def test_serving_closes_the_days_that_are_over_answers_and_ends_cleanly() -> None:
    with passing_folder() as folder, _old_book(folder / "book", days=2) as data:
        with _serving(data) as (first, port):
            assert _answer(port, "/health") == {"status": "alive", "version": __version__}
            assert _answer(port, "/ready") == {"status": "ready", "cells": book.CELLS_DEFAULT}
            with _serving(data) as (second, other):  # the same folder, another port: the database is shared
                assert other != port
                assert _answer(other, "/ready")["status"] == "ready"
                assert _end(second) == 0
            assert _answer(port, "/ready")["status"] == "ready"
            _wait_until_closed(data, yesterday=SystemClock().business_date() - timedelta(days=1))
            assert _end(first) == 0
        assert not (data / "postgres" / "cluster" / "postmaster.pid").exists()
        assert mingqu("verify", "--data", data, "--json").code == 0


@contextmanager
def _old_book(data: Path, *, days: int) -> Iterator[Path]:
    """A book that was opened some days ago and never closed."""
    opened_on = SystemClock().business_date() - timedelta(days=days)
    with open_server(data=data) as server, Database(server.url) as database:
        migration.migrate(database)
        keyring.create(folder=data)
        with database.transaction() as tx:
            book.create(tx, business_date=opened_on)
            policy.publish(tx, pack=policy.load_pack(), at=start_of(opened_on))
            tx.commit()
    yield data


@contextmanager
def _serving(data: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server on a folder, and the port that it says it has."""
    words = command("serve", "--data", data, "--port", "0")
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:  # ends with the process
                if "/health" in line:
                    yield process, int(line.split("127.0.0.1:")[1].split("/")[0])
                    break
            else:
                raise AssertionError("the server never said where it is")
        finally:
            process.kill()


def _end(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=WAIT_SECONDS_MAX)


def _answer(port: int, path: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=WAIT_SECONDS_MAX) as page:
        answer: dict[str, Any] = json.load(page)
    return answer


def _wait_until_closed(data: Path, *, yesterday: date) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    with open_server(data=data) as server, Database(server.url) as database:
        while True:
            with database.transaction() as tx:
                if all(book.last_closed_on(tx, cell=cell) >= yesterday for cell in range(tx.cells)):
                    return
            assert time.monotonic() < deadline, "the worker does not close the days that are over"
            time.sleep(0.1)


def test_a_port_in_use_is_one_line_and_opens_nothing(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = mingqu("serve", "--data", tmp_path / "book", "--port", str(taken.getsockname()[1]))
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert said.err.startswith("mingqu: port_taken: ")
    assert not (tmp_path / "book").exists()


def test_a_command_that_is_ended_leaves_no_server_behind() -> None:
    with passing_folder() as folder:
        data = folder / "book"
        lock = data / "postgres" / "cluster" / "postmaster.pid"
        with subprocess.Popen(
            command("demo", "--data", data, "--json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        ) as process:
            deadline = time.monotonic() + WAIT_SECONDS_MAX
            while not (data / "sandbox" / "credentials.json").exists():  # the story has begun
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=WAIT_SECONDS_MAX)
        assert (process.returncode, out, err.splitlines()[-1]) == (cli.EXIT_STOPPED, "", "mingqu: stopped")
        assert "Traceback" not in err
        assert not lock.exists()


def test_a_reader_that_goes_away_is_no_reason_for_a_traceback() -> None:
    with subprocess.Popen(
        command("bench", "--help"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
