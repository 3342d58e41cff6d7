"""Nothing about a person leaves the vault: not on a screen, in a log, in an error, in a file or in a row."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from typing import Final

import psycopg
import pytest
from psycopg import sql

from mingqu.demo.people import CHUAN, XIA, ZHOU, applicant
from mingqu.demo.world import Newcomer
from mingqu.domain.personal import Personal
from mingqu.store.server.postgres import open_server
from tests.journeys.command import Said, environment, mingqu
from tests.journeys.conftest import Story

pytestmark = pytest.mark.xdist_group("story")  # told once in a process

PEOPLE: Final = (XIA, CHUAN, ZHOU)
CODES_SENT: Final = 8  # at least, by the story: to sign in, to be known, to sign


def canaries(people: tuple[Newcomer, ...]) -> list[str]:
    """Return what must be found nowhere: names, numbers, phones, cards, and births as the numbers carry them."""
    return [
        spoken
        for person in people
        for value in (person.name, person.id_number, person.phone, person.card_number)
        for spoken in _spellings(value)
    ]


def _spellings(value: Personal[str]) -> list[str]:
    """Return a value as it may have been written down: plainly, escaped, encoded, and as a plain hash of it."""
    text = value.reveal()
    raw = text.encode()
    return [
        text,
        text.encode("unicode_escape").decode(),
        raw.hex(),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        *(hashlib.new(name, raw).hexdigest() for name in ("md5", "sha1", "sha256")),
    ]


def leaks(text: str, people: tuple[Newcomer, ...] = PEOPLE) -> list[str]:
    """Return the kinds of what leaked, never the value itself: a test's report is an output as well."""
    lowered = text.lower()
    return [f"canary {place}" for place, spoken in enumerate(canaries(people)) if spoken.lower() in lowered]


def test_a_leak_is_found_in_every_spelling() -> None:
    assert leaks("林*夏, 138****8801, ending 7892") == []
    for spoken in canaries(PEOPLE):
        assert leaks(f"customer={spoken.upper()};")


def test_the_story_tells_nobodys_name_number_phone_or_card(story: Story) -> None:
    assert "林*夏" in story.said.out
    assert leaks(story.said.out + story.said.err) == []


def test_no_file_beside_the_book_holds_any(story: Story) -> None:
    """The server's log, the marker, the keys."""
    files = [item for item in story.data.iterdir() if item.is_file()]
    files += [item for item in (story.data / "postgres").iterdir() if item.is_file()]
    assert {"mingqu.json", "keys.json", "server.log"} <= {item.name for item in files}
    for item in files:
        assert leaks(item.read_text("utf-8", errors="replace")) == [], item.name


def test_no_row_of_any_table_holds_any(story: Story) -> None:
    with open_server(data=story.data) as server, psycopg.connect(server.url) as connection:
        found = {column: leaks(text) for column, text in _columns(connection)}
    assert len(found) > 100, "the whole book was looked at"
    assert {column: what for column, what in found.items() if what} == {}


def _columns(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[tuple[str, str]]:
    """Yield every column of every table as one text; bytes both as they are and in hexadecimal digits."""
    listed = connection.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' ORDER BY 1, 2"
    ).fetchall()
    for table, column, kind in listed:
        name = sql.SQL("{}.{}").format(sql.Identifier(str(table)), sql.Identifier(str(column)))
        of_table = sql.Identifier(str(table))
        text = sql.SQL("SELECT coalesce(string_agg({}::text, chr(10)), '') FROM {}").format(name, of_table)
        row = connection.execute(text).fetchone()
        said = str(row[0]) if row else ""
        if kind == "bytea":
            plain = connection.execute(sql.SQL("SELECT {} FROM {}").format(name, of_table)).fetchall()
            said += "\n".join(value.decode("utf-8", errors="replace") for (value,) in plain if isinstance(value, bytes))
        yield f"{table}.{column}", said


def test_the_files_of_the_server_hold_any_only_sealed(story: Story) -> None:
    """What was written and deleted lies in old pages and in the log of changes as well."""
    cluster = story.data / "postgres" / "cluster"
    wanted = [spoken.encode() for spoken in canaries(PEOPLE)]
    for item in [*(cluster / "base").rglob("*"), *(cluster / "pg_wal").glob("0*")]:
        if item.is_file():
            content = item.read_bytes()
            assert not any(canary in content for canary in wanted), item.name


def test_no_code_that_was_sent_stands_anywhere(story: Story) -> None:
    """Codes are other ones in each story: those who received them know them."""
    with sqlite3.connect(story.data / "sandbox" / "sandbox.db") as received:
        contents = [json.loads(content) for (content,) in received.execute("SELECT content FROM message")]
    sent = {content["code"] for content in contents if "code" in content}
    assert len(sent) >= CODES_SENT
    logs = [item.read_text("utf-8", errors="replace") for item in story.data.rglob("*.log")]
    written = "\n".join((story.said.out, story.said.err, *logs))
    assert sent.isdisjoint(re.findall(r"(?<![0-9a-f.,-])\d{6}(?![0-9a-f.,-])", written))


def test_proving_closing_and_being_refused_tell_nothing(story: Story) -> None:
    for words in (
        ("verify",),
        ("verify", "--json"),
        ("close", "--json"),
        ("close", "--to", "2099-01-01"),
        ("migrate",),
        ("demo", "--json"),  # refused: the book is there
    ):
        said = mingqu(*words, "--data", story.data)
        assert leaks(said.out + said.err) == [], words


def test_a_program_that_breaks_in_the_middle_tells_nothing() -> None:
    """A traceback is an output, and so is what an assertion or the database says in it."""
    ended = subprocess.run(
        [sys.executable, "-c", BREAKS], capture_output=True, text=True, check=False, env=environment()
    )
    assert (ended.returncode, ended.stderr.count("Traceback")) == (0, 5)
    assert "UndefinedTable" in ended.stderr
    assert leaks(ended.stdout + ended.stderr) == []


# Each fault is what it is called; whatever it raises is printed as the program would when nobody catches it.
BREAKS: Final = """
import traceback
from mingqu import main
from mingqu.demo import story
from mingqu.demo.journey import be_assessed, introduce, take_loan
from mingqu.demo.people import XIA, ZHOU

def break_with(fault):
    try:
        fault()
    except Exception:
        traceback.print_exc()

def script(text):
    with world.house.database.transaction() as tx:
        tx.script(text)
        tx.commit()

def a_channel_that_breaks():
    def check(elements):
        raise ValueError(elements)
    world._identity.check = check
    introduce(world, ZHOU, balance_fen=0)

with main.Wiring().demo_world(data=None, seed=1) as world:
    story.fund_lenders(world)
    known = introduce(world, XIA, balance_fen=6_000_000)
    be_assessed(world, known, amount_fen=1_000_000)
    break_with(lambda: introduce(world, XIA, balance_fen=-1).nothing)
    break_with(lambda: known.newcomer.nothing)
    break_with(lambda: known.newcomer.name + known.newcomer.phone)
    break_with(a_channel_that_breaks)
    script("DROP TABLE vault_field CASCADE")
    break_with(lambda: take_loan(world, known, amount_fen=1_000_000, instalments=12, method="equal_instalment"))
"""


def test_applicants_of_a_file_stay_unnamed(applicants: Said) -> None:
    invented = tuple(
        applicant(number=number, age_years=age, on=date(2026, 8, 15), features={}, monthly_income_fen=0)
        for number, age in ((1, 35), (2, 35), (3, 35), (4, 60))
    )
    assert applicants.code == 0
    assert leaks(applicants.out + applicants.err, invented) == []
