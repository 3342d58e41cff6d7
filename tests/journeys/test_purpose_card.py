"""A card whose money is bound to a purpose: agreed, spent at a dealer, refused elsewhere, proved by the book."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from litestar.testing import TestClient
from psycopg import sql

from mingqu.api import make_router, openapi
from mingqu.domain.ledger import Account, AccountCode
from mingqu.domain.ownership import NotFound
from mingqu.domain.personal import Personal
from mingqu.domain.policy_file import Document, plain
from mingqu.domain.purpose import FundsContract
from mingqu.services.evidence.verify_book import verify_book
from mingqu.services.ledger.expire_holds import expire_holds
from mingqu.services.purpose.open_card import (
    CardLimitOutside,
    ContractDiffers,
    ContractPublished,
    EvidenceThere,
    EvidenceUnknown,
    bring_evidence,
    freeze_card,
    open_card,
    publish_contract,
)
from mingqu.services.purpose.spend_card import (
    ADVISE,
    AUTHORISE,
    Asked,
    CardReferenceReused,
    Word,
    hear_card,
    message_id_of,
)
from mingqu.store import evidence
from mingqu.store.ledgers import ledger
from mingqu.store.proof.purpose import purposes
from mingqu.store.purposes.purpose import _CARDS
from mingqu.store.server import transaction
from mingqu.store.server.connection import call_all
from mingqu.web.site import make_site
from tests.journeys.api import ADDRESS
from tests.journeys.reading import arrive, assert_coherent
from tests.world import OpenWorld

FILE = Path(__file__).parents[2] / "policies" / "purpose" / "auto-card-1.toml"
DEALER = Asked(merchant="DLR-MINGHE-001", category="5511", currency="CNY", channel="pos", device="D1", place="CN")
SAID = ("merchant", "category", "currency", "channel", "device", "place")
ABROAD = replace(DEALER, merchant="CASINO-1", category="7995")


def read_file(**change: Any) -> Document:
    body = plain({**tomllib.loads(FILE.read_text()), **change}, file=FILE.name)
    assert isinstance(body, dict)
    return Document(file=FILE.name, body=body)


class Holder:
    """A borrower with a card, of 160,000 yuan if nothing else is said."""

    def __init__(self, world: OpenWorld, *, limit_fen: int = 16_000_000) -> None:
        self.world, self.house = world, world.house
        self.person_id = arrive(world).person_id
        self.contract: FundsContract = publish_contract(self.house, document=read_file())
        self.card_id = self.open("open", limit_fen=limit_fen)

    def open(self, key: str, **change: Any) -> UUID:
        said: dict[str, Any] = {
            "contract_id": "auto-card",
            "version": 1,
            "agreed_hash": self.contract.hash,
            "limit_fen": 16_000_000,
        }
        return open_card(self.house, person_id=self.person_id, key=key, **said | change)

    def ask(self, reference: str, amount_fen: int, asked: Asked = DEALER, kind: str = AUTHORISE) -> dict[str, object]:
        word = Word(card_id=self.card_id, kind=kind, reference=reference, amount_fen=amount_fen, asked=asked)
        return hear_card(self.house, word=word)

    def say(self, kind: str, reference: str, of: str, amount_fen: int = 0, to: str | None = None) -> dict[str, object]:
        word = Word(card_id=self.card_id, kind=kind, reference=reference, amount_fen=amount_fen, of=of, to=to)
        return hear_card(self.house, word=word)

    def stands(self) -> tuple[int, int, int]:
        """Return free, held and spent, in fen."""
        with self.house.database.transaction() as tx:
            books = ledger.balances(tx, cell=tx.cell_of(self.card_id), owner=self.card_id)
        free, spent = (
            books[Account(owner=self.card_id, code=code)]
            for code in (AccountCode.PURPOSE_AVAILABLE, AccountCode.PURPOSE_SPENT)
        )
        return (
            free.available_fen(AccountCode.PURPOSE_AVAILABLE),
            free.debits_pending_fen,
            spent.normal_fen(AccountCode.PURPOSE_SPENT),
        )


def test_a_word_is_two_round_trips_the_second_of_which_commits(
    world: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Holder(world)
    card.ask("a-0", 1)  # the contract is read by whoever comes first
    asked: list[int] = []

    def counted(connection: Any, statements: Any) -> list[Any]:
        asked.append(len(statements))
        return call_all(connection, statements)

    with monkeypatch.context() as patched:
        patched.setattr(transaction, "call_all", counted)
        patched.setattr(transaction, "say", None)
        assert card.ask("a-1", 1)["outcome"] == "approved"
    assert asked == [5, 6], "begun, planned, lock, card, answers; count, leaf, word, spend, hold, committed"
    assert card.stands() == (15_999_998, 2, 0)


def test_a_spend_is_held_captured_in_part_and_given_back(world: OpenWorld) -> None:
    card = Holder(world)
    answer = card.ask("a-1", 10_000_000)
    assert (answer["outcome"], answer["clause"]) == ("approved", "dealer-pos")
    assert card.ask("a-1", 10_000_000) == answer
    assert card.stands() == (6_000_000, 10_000_000, 0)
    assert card.say("capture", "c-0", "a-1", 10_000_001)["reason"] == "capture_above_hold"
    assert card.say("capture", "c-1", "a-1", 8_000_000)["outcome"] == "captured"
    assert card.say("capture", "c-1", "a-1", 8_000_000)["outcome"] == "captured"
    assert card.say("capture", "c-2", "a-1", 8_000_000)["reason"] == "captured_already"
    assert card.stands() == (8_000_000, 0, 8_000_000)
    elsewhere = card.say("refund", "f-0", "a-1", 1_000_000, to="6222000000000000")
    assert (elsewhere["outcome"], elsewhere["flagged"]) == ("refused", True)
    assert card.say("refund", "f-1", "a-1", 1_000_000)["outcome"] == "refunded"
    assert card.stands() == (9_000_000, 0, 7_000_000)
    assert card.say("reverse", "r-1", "a-1")["outcome"] == "reversed"
    assert card.say("reverse", "r-1", "a-1")["outcome"] == "reversed", "the same word again is answered as before"
    assert card.say("reverse", "r-2", "a-1")["reason"] == "reversed_already"
    assert card.stands() == (16_000_000, 0, 0)
    assert card.ask("a-2", 10_000_000)["outcome"] == "approved", "what was reversed counts for nothing of the day"
    assert card.say("release", "r-3", "a-2")["outcome"] == "released"
    assert_coherent(card.house)
    with card.house.database.transaction() as tx:
        about = [message_id_of(card.card_id, reference) for reference in ("a-1", "c-0", "c-1", "f-0", "r-2")]
        assert all(evidence.leaf_about(tx, subject_id=one) for one in about)
        for table, row in (("purpose_spend", "spend_id"), ("purpose_message", "message_id")):
            other = f'{{"card_id": "{card.person_id}", "{row}": "{card.person_id}"}}'
            tx.script(f"INSERT INTO {table} SELECT (jsonb_populate_record(t, '{other}')).* FROM {table} t LIMIT 1")
        found = {sentence.split()[0] for sentence in purposes(tx) if "is of a card that is not there" in sentence}
        assert found == {"spend", "word"}, "verify asks what no foreign key asks"


def test_a_card_and_its_account_are_looked_up_by_their_keys_however_many_there_are(world: OpenWorld) -> None:
    card = Holder(world)
    with card.house.database.transaction() as tx:
        tx.script(
            f"SET LOCAL plan_cache_mode = force_generic_plan; PREPARE cards (smallint, uuid[], date[]) AS {_CARDS}"
        )
        cell = tx.cell_of(card.card_id)
        asked = f"{cell}::smallint, ARRAY['{card.card_id}']::uuid[], ARRAY['2026-08-15']::date[]"
        tx.script("SET LOCAL enable_seqscan = off")
        plan = "\n".join(row[0] for row in tx.execute(sql.SQL("EXPLAIN EXECUTE cards({})").format(sql.SQL(asked))))  # type: ignore[arg-type]
    (account,) = [line for line in plan.splitlines() if "code = 9202" in line]
    assert "owner = asked.card_id" in account, plan


def test_money_stays_where_the_contract_does_not_let_it_go(world: OpenWorld) -> None:
    card = Holder(world)
    before = card.stands()
    for reference, amount_fen, asked, clause in (
        ("n-1", 100, ABROAD, "cash-like"),
        ("n-2", 100, replace(DEALER, merchant="DLR-MINGHE-0O1", category="5812"), "everything-else"),
        ("n-3", 100, replace(DEALER, currency="USD"), "currency"),
        ("n-4", 15_000_001, DEALER, "per_spend"),
    ):
        answer = card.ask(reference, amount_fen, asked)
        assert (answer["outcome"], answer["clause"], bool(answer["remedy"])) == ("declined", clause, True)
    assert card.ask("n-5", 100, ABROAD, kind=ADVISE)["flagged"] is True
    assert card.say("capture", "n-6", "n-1", 100)["reason"] == "authorisation_unknown"
    freeze_card(card.house, card_id=card.card_id, reason="alert")
    assert card.ask("n-7", 100)["reason"] == "card_frozen"
    assert card.stands() == before
    with pytest.raises(CardReferenceReused):
        card.ask("n-1", 101, ABROAD)
    with pytest.raises(NotFound):
        hear_card(card.house, word=Word(card_id=card.person_id, kind=AUTHORISE, reference="x", amount_fen=1))
    assert card.stands() == before
    assert_coherent(card.house)


def test_a_hold_lapses_and_a_capture_that_comes_late_is_refused(world: OpenWorld) -> None:
    card = Holder(world)
    card.ask("a-1", 1_000_000)
    world.go_to(card.house.clock.now() + timedelta(days=card.contract.hold_days))
    assert card.say("capture", "c-1", "a-1", 1_000_000)["reason"] == "hold_lapsed"
    expire_holds(card.house, cell=card.house.database.cell_of(card.card_id))
    assert card.say("release", "r-1", "a-1")["outcome"] == "released"
    assert card.say("capture", "c-2", "a-1", 1_000_000)["reason"] == "hold_lapsed"
    assert card.stands() == (16_000_000, 0, 0)
    assert_coherent(card.house)


def test_what_was_agreed_does_not_change(world: OpenWorld) -> None:
    card = Holder(world)
    assert publish_contract(card.house, document=read_file()) == card.contract
    assert card.open("open") == card.card_id
    with pytest.raises(ContractPublished):
        publish_contract(card.house, document=read_file(hold_days=8))
    for change, refusal in (
        ({"agreed_hash": "0" * 64}, ContractDiffers),
        ({"version": 2}, NotFound),
        ({"limit_fen": 20_000_001}, CardLimitOutside),
        ({"limit_fen": 0}, CardLimitOutside),
    ):
        with pytest.raises(refusal):
            card.open("other", **change)
    assert card.ask("a-1", 100)["outcome"] == "approved"


def test_papers_release_the_next_stage_and_are_brought_once(world: OpenWorld) -> None:
    card = Holder(world)
    card.ask("a-1", 15_000_000)
    card.say("capture", "c-1", "a-1", 15_000_000)
    world.go_to(card.house.clock.now() + timedelta(days=1))
    assert card.ask("a-2", 1_000_000)["clause"] == "stage"

    def bring(person_id: UUID, kind: str, key: str) -> UUID:
        number = Personal("FP-20260815-0001")
        return bring_evidence(card.house, person_id=person_id, card_id=card.card_id, kind=kind, number=number, key=key)

    assert bring(card.person_id, "invoice", "k-1") == bring(card.person_id, "invoice", "k-1")
    with pytest.raises(EvidenceThere):
        bring(card.person_id, "invoice", "k-2")
    with pytest.raises(EvidenceUnknown):
        bring(card.person_id, "selfie", "k-3")
    assert card.ask("a-3", 1_000_000)["outcome"] == "approved"
    assert_coherent(card.house)


def test_spends_at_the_same_moment_never_pass_the_limit(world: OpenWorld) -> None:
    card = Holder(world)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: card.ask(f"a-{number % 12}", 2_000_000), range(24)))
    assert sum(answer["outcome"] == "approved" for answer in answers) == 2 * 7  # of 15,000,000 a day; each sent twice
    assert card.stands() == (2_000_000, 14_000_000, 0)
    assert_coherent(card.house)


def test_the_network_speaks_over_http_with_its_own_token(world: OpenWorld) -> None:
    token = "of-the-network"
    card = Holder(world)
    settings = replace(world.house.settings, card_network_hash=hashlib.sha256(token.encode()).digest())
    house = replace(world.house, settings=settings)
    body = {"card_id": str(card.card_id), "amount_fen": 1_000, **{name: getattr(DEALER, name) for name in SAID}}
    site = make_site(house, routers=[make_router(house)], openapi=openapi())
    with TestClient(site, base_url=ADDRESS) as http:

        def post(path: str, key: str, said: dict[str, Any], bearer: str = token) -> tuple[int, dict[str, Any]]:
            headers = {"Authorization": f"Bearer {bearer}", "Idempotency-Key": key}
            came = http.post(f"/v1/card/{path}", json=said, headers=headers)
            return came.status_code, came.json()

        status, problem = post("authorisations", "a-1", body, bearer="of-somebody")
        assert (status, problem["code"]) == (401, "card_network_unknown")
        assert card.stands() == (16_000_000, 0, 0)
        status, answer = post("authorisations", "a-1", body)
        assert (status, answer["outcome"], answer["clause"]) == (201, "approved", "dealer-pos")
        assert post("authorisations", "a-1", {**body, "amount_fen": 2})[1]["code"] == "card_reference_reused"
        assert post("authorisations", "a-2", {**body, "merchant": "X"})[1]["outcome"] == "declined"
        assert post("authorisations", "a-3", {**body, "card_id": str(card.person_id)})[0] == 404
        said = {"card_id": str(card.card_id), "says": "capture", "of": "a-1", "amount_fen": 900}
        assert post("messages", "c-1", said)[1]["outcome"] == "captured"
    assert card.stands() == (15_999_100, 0, 900)


SPOILS: list[tuple[str, Callable[[Holder], tuple[str, tuple[object, ...]]]]] = [
    (
        "does not name",
        lambda card: ("UPDATE purpose_spend SET merchant = 'CASINO-1' WHERE card_id = %s", (card.card_id,)),
    ),
    (
        "postings do not agree",
        lambda card: ("UPDATE purpose_spend SET captured_fen = captured_fen - 1 WHERE card_id = %s", (card.card_id,)),
    ),
    (
        "hold do not agree",
        lambda card: ("UPDATE purpose_spend SET state = 'held', captured_fen = 0 WHERE card_id = %s", (card.card_id,)),
    ),
]


@pytest.mark.parametrize(("sentence", "spoil"), SPOILS)
def test_verify_names_money_that_left_its_purpose(
    world: OpenWorld, sentence: str, spoil: Callable[[Holder], tuple[str, tuple[object, ...]]]
) -> None:
    card = Holder(world)
    card.ask("a-1", 1_000_000)
    card.say("capture", "c-1", "a-1", 1_000_000)
    with card.house.database.transaction() as tx:
        sql, parameters = spoil(card)
        tx.execute(sql, parameters)
        tx.commit()
    found = verify_book(database=card.house.database, keyring=card.house.keyring).findings[7]
    assert any(sentence in each for each in found), found
