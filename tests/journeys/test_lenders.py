"""Lenders that decide by themselves: each under its own consent, late, silent, talking nonsense, at another price."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from litestar.testing import TestClient

from mingqu.api import make_notices_router
from mingqu.channels.fake.lender import FakeLender
from mingqu.channels.gateway.lender_notice import GatewayLenderNotices
from mingqu.channels.gateway.signature import SigningKey, TheirKeys, sign_request
from mingqu.demo.journey import Known, pay_by_hand, work_until_idle
from mingqu.demo.people import XIA
from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.institution import Directory, PartnerNotListed, Status
from mingqu.domain.lender_answer import LenderOffer, LenderReason, QuestionState
from mingqu.domain.loan import Intent
from mingqu.domain.order import OrderKind, OrderState
from mingqu.ports.lender import Declined, Later
from mingqu.services.close.close_day import bring_up_today, close_through
from mingqu.services.contracts.send_signing_code import send_signing_code
from mingqu.services.contracts.sign_contract import Signed, sign_contract
from mingqu.services.evidence.verify_book import verify_book
from mingqu.services.house import House
from mingqu.services.lenders.ask_lenders import Asked, ask_lenders
from mingqu.services.lenders.read_lender_answers import answers_of, answers_view
from mingqu.services.lenders.sign_with_lender import LenderNotConfirmed, LenderNotFunded, PriceChanged
from mingqu.services.loans.read_loan import loan_state
from mingqu.services.offers.disclose_cost import CostTableNotRead, confirm_cost_table, show_cost_table
from mingqu.services.offers.make_offers import LendersUndecided, make_offers
from mingqu.services.offers.price_offer import CostAboveCap, Offered
from mingqu.services.people.read_person import consents_of
from mingqu.services.privacy.give_consent import give_consent, withdraw_consent
from mingqu.store.decisions import policy
from mingqu.store.lenders import institution
from mingqu.web.site import make_site
from tests.journeys.reading import arrive, assert_coherent, limit_of, orders_of
from tests.journeys.two_people import seat_of
from tests.world import OpenWorld

CODE, LENDER_ZH = "chengchuan", "澄川消费金融有限公司"
AMOUNT_FEN, INSTALMENTS, METHOD = 1_000_000, 12, "equal_instalment"
REASON = LenderReason(code="income", text_zh="收入", text_en="Income", remedy_zh="减少", remedy_en="Ask for less")


def price(world: OpenWorld, rate_year_ppm: int) -> LenderOffer:
    return LenderOffer(rate_year_ppm=rate_year_ppm, valid_until=world.house.clock.now() + timedelta(days=3))


def with_lender(world: OpenWorld, *lenders: FakeLender) -> OpenWorld:
    """Return the world on the same book, in which one of the two lenders decides by itself, or both do."""
    directory = institution.load_directory(policy.policy_folder())
    named = dict(zip((CODE, "tinglan"), lenders, strict=False))
    house = replace(world.house, lenders=named, directory=directory)
    return OpenWorld(
        house=house, clock=world.clock, bank=world.bank, sms=world.sms, identity=world.identity, bureau=world.bureau
    )


def agreed(world: OpenWorld) -> Known:
    known = arrive(world)
    give_consent(world.house, person_id=known.person_id, purpose=ConsentPurpose.PASS_TO_LENDER, recipient=LENDER_ZH,
                 key="pass")  # fmt: skip
    return known


def ask(world: OpenWorld, known: Known, *, key: str = "ask") -> Asked:
    return ask_lenders(world.house, person_id=known.person_id, amount_fen=AMOUNT_FEN, instalments=INSTALMENTS,
                       method=METHOD, key=key)  # fmt: skip


def offers(world: OpenWorld, known: Known) -> dict[str, Offered]:
    made = make_offers(world.house, person_id=known.person_id, amount_fen=AMOUNT_FEN, instalments=INSTALMENTS,
                       method=METHOD)  # fmt: skip
    return {one.lender_name_zh: one for one in made}


def read_table(world: OpenWorld, known: Known, offer_id: UUID) -> None:
    table = show_cost_table(world.house, person_id=known.person_id, offer_id=offer_id)
    world.go_to(world.house.clock.now() + timedelta(seconds=61))
    confirm_cost_table(world.house, person_id=known.person_id, disclosure_id=table.disclosure_id)


def sign(world: OpenWorld, known: Known, offer_id: UUID) -> Signed:
    return sign_contract(
        world.house, person_id=known.person_id, offer_id=offer_id, instrument_id=known.instrument_id, payout_at=None,
        code=world.read_code(XIA.phone), key=f"sign-{offer_id.hex}",
    )  # fmt: skip


def test_a_lender_is_asked_only_by_consent_and_prices_signs_funds_and_hears(world: OpenWorld) -> None:
    lender = FakeLender(answers=deque([price(world, 91_000)]))
    world = with_lender(world, lender)
    house = world.house
    known = arrive(world)
    asked = ask(world, known, key="too-soon")
    assert [(one.lender, one.code) for one in asked.left_out] == [(CODE, "consent_missing")]
    assert lender.applications == {}
    assert set(offers(world, known)) == {"听澜小额贷款有限公司"}  # the other decides by the house's policy
    give_consent(house, person_id=known.person_id, purpose=ConsentPurpose.PASS_TO_LENDER, recipient=LENDER_ZH,
                 key="pass")  # fmt: skip
    (answer,) = ask(world, known).questions
    assert (answer.state, answer.offer) == (QuestionState.OFFERED, price(world, 91_000))
    assert ask(world, known, key="again").questions == (answer,)  # what is under way is not put twice
    assert len(lender.applications) == 1
    offered = offers(world, known)[LENDER_ZH]
    assert offered.rate_year_ppm == 91_000
    assert offered.offer.expires_at == price(world, 91_000).valid_until
    offer_id = offered.offer.offer_id
    with pytest.raises(CostTableNotRead):
        send_signing_code(house, person_id=known.person_id, offer_id=offer_id)
    read_table(world, known, offer_id)
    assert lender.signed == {}
    send_signing_code(house, person_id=known.person_id, offer_id=offer_id)
    signed = sign(world, known, offer_id)
    assert sign(world, known, offer_id) == signed
    assert [one.amount_fen for one in lender.funded.values()] == [AMOUNT_FEN]
    work_until_idle(world)
    assert sorted(one.event for one in lender.reports.values()) == ["funded", "signed"]
    assert [one.state for one in orders_of(house, signed.loan_id, OrderKind.PAYOUT)] == [OrderState.PAID]
    assert sorted(said(house, answer.question_id)) == ["confirmed", "funded", "offer"]  # of one moment
    first = loan_state(house, person_id=known.person_id, loan_id=signed.loan_id).instalments[0]
    world.go_to_date(first.due + timedelta(days=3))
    close_through(house, to=first.due + timedelta(days=2))
    bring_up_today(house)
    paid_fen = pay_by_hand(world, known, loan_id=signed.loan_id, intent=Intent.PAYOFF)
    work_until_idle(world)
    told = [(one.event, one.amount_fen) for one in lender.reports.values()]
    late_fen = first.principal_fen + first.interest_fen
    assert sorted(told[2:]) == [("closed", AMOUNT_FEN), ("overdue", late_fen), ("repaid", paid_fen)]
    assert_coherent(house)
    with house.database.transaction() as tx:  # somebody changes what the lender said
        tx.execute("SET LOCAL session_replication_role = replica")
        tx.execute("UPDATE lender_word SET rate_year_ppm = 92000 WHERE rate_year_ppm IS NOT NULL")
        tx.commit()
    found = verify_book(database=house.database, keyring=house.keyring).holds
    assert [number for number, holds in found.items() if not holds] == [4, 8]


def said(house: House, question_id: UUID) -> list[str]:
    with house.database.transaction() as tx:
        rows = tx.execute(  # what was said at one moment has no order but that of the table
            "SELECT said FROM lender_word WHERE question_id = %s ORDER BY at, xmin::text::bigint, ctid", (question_id,)
        )
        return [word for (word,) in rows]


def test_a_price_that_moves_before_the_signature_is_read_anew_and_never_signed_silently(world: OpenWorld) -> None:
    lender = FakeLender(answers=deque([price(world, 91_000)]))
    world = with_lender(world, lender)
    house = world.house
    known = agreed(world)
    ask(world, known)
    old = offers(world, known)[LENDER_ZH].offer.offer_id
    read_table(world, known, old)
    lender.moves_to = price(world, 99_000)
    changes = []
    for _ in range(2):  # told again, it is the same
        with pytest.raises(PriceChanged) as changed:
            send_signing_code(house, person_id=known.person_id, offer_id=old)
        changes.append(changed.value.details)
    assert changes[0] == changes[1]
    assert changes[0]["rate_year_ppm"] == 99_000
    new = UUID(str(changes[0]["offer_id"]))
    with pytest.raises(CostTableNotRead):
        send_signing_code(house, person_id=known.person_id, offer_id=new)
    with pytest.raises(LenderNotConfirmed):
        sign(world, known, old)
    assert lender.funded == {}
    read_table(world, known, new)
    send_signing_code(house, person_id=known.person_id, offer_id=new)
    signed = sign(world, known, new)
    with house.database.transaction() as tx:
        rate = tx.execute("SELECT terms ->> 'rate' FROM loan_snapshot WHERE loan_id = %s", (signed.loan_id,))
        assert rate.fetchone() is not None
    work_until_idle(world)
    assert_coherent(house)


def test_a_new_price_above_the_law_makes_no_offer(world: OpenWorld) -> None:
    lender = FakeLender(answers=deque([price(world, 91_000)]))
    world = with_lender(world, lender)
    house = world.house
    known = agreed(world)
    ask(world, known)
    old = offers(world, known)[LENDER_ZH].offer.offer_id
    read_table(world, known, old)
    lender.moves_to = price(world, 240_001)
    with pytest.raises(CostAboveCap):
        send_signing_code(house, person_id=known.person_id, offer_id=old)
    (answer,) = answers_of(house, person_id=known.person_id)
    assert answer.offer == price_of(answer, 91_000)
    assert_coherent(house)


def price_of(answer: object, rate_year_ppm: int) -> LenderOffer:
    offer = getattr(answer, "offer")  # noqa: B009
    assert isinstance(offer, LenderOffer)
    return replace(offer, rate_year_ppm=rate_year_ppm)


def test_an_offer_that_comes_late_joins_the_others(world: OpenWorld) -> None:
    lender = FakeLender(answers=deque([Later(), Later(), price(world, 91_000)]), silences=deque(["timeout"]))
    world = with_lender(world, lender)
    known = agreed(world)
    (answer,) = ask(world, known).questions
    assert (answer.state, answer.parked) == (QuestionState.ASKED, "timeout")
    states = []
    for minutes in (1, 2, 5):
        assert LENDER_ZH not in offers(world, known)
        world.go_to(world.house.clock.now() + timedelta(minutes=minutes))
        work_until_idle(world)
        (answer,) = answers_of(world.house, person_id=known.person_id)
        states.append(answer.state)
    assert states == [QuestionState.LATER, QuestionState.LATER, QuestionState.OFFERED]
    assert LENDER_ZH in offers(world, known)


@pytest.mark.parametrize(
    ("garbage", "parked"),
    [(["unreadable"], "unreadable"), (["unsigned"], "unsigned"), ([], "cost_above_cap"), ([], "offer_over")],
)
def test_what_may_not_be_shown_is_parked_and_seen_and_asked_again(
    world: OpenWorld, garbage: list[str], parked: str
) -> None:
    first = price(world, 240_001)
    if parked == "offer_over":
        first = LenderOffer(rate_year_ppm=91_000, valid_until=world.house.clock.now())
    lender = FakeLender(answers=deque([first]), silences=deque(garbage))
    world = with_lender(world, lender)
    house = world.house
    known = agreed(world)
    (answer,) = ask(world, known).questions
    assert (answer.state, answer.parked) == (QuestionState.PARKED, parked)
    assert LENDER_ZH not in offers(world, known)
    (seen,) = answers_view(house, seat=seat_of(house, "operations"))
    assert seen.parked == parked
    world.go_to(house.clock.now() + timedelta(minutes=1))
    lender.said = {number: price(world, 88_000) for number in lender.applications} or {}
    lender.answers = deque([price(world, 88_000)])
    work_until_idle(world)
    assert offers(world, known)[LENDER_ZH].rate_year_ppm == 88_000
    assert_coherent(house)


@pytest.mark.parametrize("word", ["above the law", "silence", "withdrawn"])
def test_a_question_is_over_after_its_day_and_who_asked_is_told_once(world: OpenWorld, word: str) -> None:
    price_above = price(world, 240_001)
    silences = deque[str]() if word == "above the law" else deque(["timeout"] * 40)
    world = with_lender(world, FakeLender(answers=deque([price_above]), silences=silences))
    house = world.house
    known = agreed(world)
    (answer,) = ask(world, known).questions
    free = limit_of(house, known.person_id)
    if word == "withdrawn":
        (given,) = [
            one for one in consents_of(house, person_id=known.person_id) if one.purpose is ConsentPurpose.PASS_TO_LENDER
        ]
        withdraw_consent(house, person_id=known.person_id, consent_id=given.consent_id)
    world.go_to(answer.open_until - timedelta(minutes=1))
    work_until_idle(world)
    still = {"above the law": QuestionState.PARKED}.get(word, QuestionState.ASKED)
    assert [one.state for one in answers_of(house, person_id=known.person_id)] == [still]
    assert told(world) == []
    if word == "above the law":
        _parked_before_questions_ended(house, known)
    world.go_to(answer.open_until + timedelta(minutes=59))
    work_until_idle(world)
    assert [one.state for one in answers_of(house, person_id=known.person_id)] == [QuestionState.EXPIRED]
    said = {"on": "2026-08-15", "amount": "10,000.00", "lender": LENDER_ZH}
    assert told(world) == ([] if word == "withdrawn" else [said])
    assert limit_of(house, known.person_id) == free
    world.go_to(house.clock.now() + timedelta(hours=1))
    work_until_idle(world)
    assert len(told(world)) == (word != "withdrawn")
    assert_coherent(house)
    if word == "above the law":
        again = ask(world, known, key="anew").questions
        assert [one.question_id == answer.question_id for one in again] == [False]


def _parked_before_questions_ended(house: House, known: Known) -> None:
    """Assert that migration 0140 ends what was parked and is followed by nothing, and leaves what is followed alone."""
    migration = Path("src/mingqu/store/migrations/0140_parked_questions.sql").read_text()
    for done, state in ((False, "parked"), (True, "expired")):
        with house.database.transaction() as tx:  # and is not committed
            if done:
                tx.execute("UPDATE work SET done_at = run_at WHERE kind = 'ask_lender'")
            tx.script(migration)
            rows = tx.execute("SELECT state FROM lender_question WHERE person_id = %s", (known.person_id,))
            assert [one for (one,) in rows] == [state]


def told(world: OpenWorld) -> list[dict[str, str]]:
    """Return what the borrower was told of questions that expired, without the code of the message."""
    return [
        {name: value.reveal() for name, value in one.values.items() if name != "check"}
        for one in world.sms.inbox(phone=XIA.phone)
        if one.template == "lender.expired"
    ]


def test_a_refusal_is_shown_with_its_remedy_and_is_final(world: OpenWorld) -> None:
    lender = FakeLender(answers=deque([Declined(reasons=(REASON,)), price(world, 88_000)]))
    world = with_lender(world, lender)
    house = world.house
    known = agreed(world)
    (answer,) = ask(world, known).questions
    assert (answer.state, answer.reasons) == (QuestionState.REFUSED, (REASON,))
    assert ask(world, known).questions == (answer,)
    assert said(house, answer.question_id) == ["refused"]
    assert_coherent(house)


def test_who_takes_the_consent_back_is_not_passed_on_any_more(world: OpenWorld) -> None:
    lender = FakeLender(answers=deque([price(world, 88_000)]), silences=deque(["timeout"]))
    world = with_lender(world, lender)
    house = world.house
    known = agreed(world)
    ask(world, known)
    (given,) = [
        one for one in consents_of(house, person_id=known.person_id) if one.purpose is ConsentPurpose.PASS_TO_LENDER
    ]
    withdraw_consent(house, person_id=known.person_id, consent_id=given.consent_id)
    for wait in (timedelta(minutes=1), timedelta(days=1)):
        world.go_to(house.clock.now() + wait)
        work_until_idle(world)
        assert lender.applications == {}
    (answer,) = answers_of(house, person_id=known.person_id)
    assert answer.state is QuestionState.EXPIRED


def test_a_lender_whose_money_is_not_there_signs_nothing(world: OpenWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    lender = FakeLender(answers=deque([price(world, 91_000)]))
    world = with_lender(world, lender)
    house = world.house
    known = agreed(world)
    ask(world, known)
    offer_id = offers(world, known)[LENDER_ZH].offer.offer_id
    read_table(world, known, offer_id)
    send_signing_code(house, person_id=known.person_id, offer_id=offer_id)
    monkeypatch.setattr(FakeLender, "fund", lambda *_: Later())
    with pytest.raises(LenderNotFunded):
        sign(world, known, offer_id)
    monkeypatch.undo()
    assert sign(world, known, offer_id).loan_id


def test_where_all_lenders_decide_and_none_has_there_is_no_offer(world: OpenWorld) -> None:
    lender = FakeLender(answers=deque([Later()]))
    world = with_lender(world, lender, lender)
    known = agreed(world)
    ask(world, known)
    with pytest.raises(LendersUndecided):
        offers(world, known)


def test_a_lender_that_tells_is_asked_at_once_and_nobody_else_is_heard(world: OpenWorld) -> None:
    lender = FakeLender(answers=deque([Later(), price(world, 91_000)]))
    own, foreign = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    reader = GatewayLenderNotices(theirs=TheirKeys(keys={"lender-1": own.public_key()}), clock=world.clock)
    world = with_lender(world, lender)
    house = replace(world.house, lender_notices={CODE: reader, "tinglan": reader})
    known = agreed(world)
    (answer,) = ask(world, known).questions
    assert answer.state is QuestionState.LATER
    number = answer.question_id.hex
    with TestClient(make_site(house, routers=[make_notices_router(house)]), base_url="http://us.test") as http:

        def tell(code: str, said: dict[str, str], *, key: Ed25519PrivateKey = own, nonce: str = "a" * 32) -> int:
            target, body = f"/notices/lender-{code}", msgspec.json.encode(said)
            headers = sign_request(own=SigningKey(key_id="lender-1", key=key), method="POST", target=target, body=body,
                                   at=house.clock.now(), nonce=nonce)  # fmt: skip
            return http.post(target, content=body, headers=headers).status_code

        good = {"notice_id": "n1", "application_number": number}
        assert tell(CODE, good, key=foreign) == 401
        assert tell("nobody", good) == 404
        assert tell("tinglan", good, nonce="b" * 32) == 404  # the application is another lender's
        assert tell(CODE, {"notice_id": "n2"}, nonce="c" * 32) == 400
        assert tell(CODE, {**good, "application_number": "f" * 32}, nonce="d" * 32) == 404
        assert [one.state for one in answers_of(house, person_id=known.person_id)] == [QuestionState.LATER]
        assert [tell(CODE, good, nonce=nonce * 32) for nonce in "ef"] == [204, 204]
        assert tell(CODE, good, nonce="e" * 32) == 401  # the very message again
    work_until_idle(world)
    assert [one.state for one in answers_of(house, person_id=known.person_id)] == [QuestionState.OFFERED]


def test_nobody_is_routed_to_a_lender_on_whose_list_we_are_not_today(world: OpenWorld) -> None:
    known, directory = arrive(world), institution.load_directory(policy.policy_folder())

    def offered(**changes: object) -> set[str]:
        entries = tuple(replace(one, **changes) if one.code == CODE else one for one in directory.entries)  # type: ignore[arg-type]
        house = replace(world.house, directory=Directory(entries=entries))
        made = make_offers(house, person_id=known.person_id, amount_fen=AMOUNT_FEN, instalments=INSTALMENTS,
                           method=METHOD)  # fmt: skip
        return {one.lender_name_zh for one in made}

    assert offered() == {LENDER_ZH, "听澜小额贷款有限公司"}
    for change in ({"partners": ()}, {"status": Status.SUSPENDED}, {"status": Status.PILOT}):
        assert offered(**change) == {"听澜小额贷款有限公司"}
    assert offered(status=Status.PILOT, pilot_people=frozenset({known.person_id})) >= {LENDER_ZH}
    nobody = tuple(replace(one, partners=()) for one in directory.entries)
    with pytest.raises(PartnerNotListed):
        make_offers(replace(world.house, directory=Directory(entries=nobody)), person_id=known.person_id,
                    amount_fen=AMOUNT_FEN, instalments=INSTALMENTS, method=METHOD)  # fmt: skip
