"""Card numbers, prefixes, the own-name rule and the limit on tries; one-time codes."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mingqu.domain.instrument import (
    BinTableMalformed,
    CardCheckDigitWrong,
    CardClosed,
    CardNotOwn,
    CardNotSupported,
    CardNumberMalformed,
    CardTriesExhausted,
    ElementsAnswer,
    Instrument,
    InstrumentEvent,
    InstrumentKind,
    InstrumentNotVerified,
    InstrumentState,
    InstrumentTransitionNotAllowed,
    after,
    find_bin,
    luhn_holds,
    read_bins,
    read_card_number,
    require_payout,
    require_tries_left,
    verified,
)
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal

AT = datetime(2026, 8, 15, 2, 0, tzinfo=UTC)
BINS = Path(__file__).parents[3] / "policies" / "instruments" / "bins.toml"


def card_number(stem: str) -> str:
    """Return the stem with the last digit that ISO/IEC 7812-1 asks for, found by counting up."""
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(stem))]
    total = sum(digit - 9 if digit > 9 else digit for digit in doubled)
    return stem + str(-total % 10)


def instrument(kind: InstrumentKind, state: InstrumentState) -> Instrument:
    return Instrument(
        instrument_id=UUID(int=1),
        person_id=UUID(int=2),
        kind=kind,
        issuer="qinghe",
        number_hash=bytes(32),
        state=state,
        added_at=AT,
    )


def test_the_known_number_passes_and_its_neighbors_do_not() -> None:
    assert [digit for digit in "0123456789" if luhn_holds(f"7992739871{digit}")] == ["3"]


@given(st.text("0123456789", min_size=15, max_size=18), st.integers(0, 14), st.integers(1, 9))
def test_any_single_wrong_digit_of_a_card_is_noticed(stem: str, place: int, by: int) -> None:
    right = card_number(stem)
    assert read_card_number(Personal(right)).reveal() == right
    wrong = right[:place] + str((int(right[place]) + by) % 10) + right[place + 1 :]
    with pytest.raises(CardCheckDigitWrong):
        read_card_number(Personal(wrong))


@pytest.mark.parametrize("text", ["", "620000011234567", "6" * 20, "62000001x2345678", "６" * 16])
def test_another_text_is_no_card_number(text: str) -> None:
    with pytest.raises(CardNumberMalformed):
        read_card_number(Personal(text))


def test_the_shipped_prefixes_read_and_the_longest_one_counts() -> None:
    bins = read_bins(tomllib.loads(BINS.read_text(encoding="utf-8"))["bin"])
    number = read_card_number(Personal(f"{card_number('620000191234567')[:8]} {card_number('620000191234567')[8:]}"))
    assert find_bin(number=number, bins=bins).kind is InstrumentKind.PURPOSE_CARD
    broad = {"prefix": "6200", "issuer": "broad", "name_zh": "宽", "name_en": "Broad", "kind": "debit_card"}
    narrow = {**broad, "prefix": "62000019", "issuer": "narrow"}
    assert find_bin(number=number, bins=read_bins([broad, narrow, {**broad, "prefix": "620000"}])).issuer == "narrow"
    with pytest.raises(CardNotSupported):
        find_bin(number=Personal("4000000000000002"), bins=bins)


@pytest.mark.parametrize(
    "change", [{"prefix": "62x"}, {"prefix": 6200}, {"kind": "card"}, {"name_en": ""}, {"issuer": None}]
)
def test_a_wrong_row_of_prefixes_is_named(change: dict[str, object]) -> None:
    row = {"prefix": "6200", "issuer": "a", "name_zh": "甲", "name_en": "A", "kind": "debit_card"}
    with pytest.raises(BinTableMalformed, match="Row 2"):
        read_bins([row, {**row, "prefix": "6201", **change}])
    with pytest.raises(BinTableMalformed, match="Row 2 of the card prefixes repeats"):
        read_bins([row, row])


def test_a_fifth_try_waits_until_the_first_is_a_day_old() -> None:
    attempts = [AT + timedelta(minutes=minute) for minute in (2, 0, 1, 3)]
    require_tries_left(attempts=attempts[:3], at=AT + timedelta(hours=1))
    with pytest.raises(CardTriesExhausted) as caught:
        require_tries_left(attempts=attempts, at=AT + timedelta(hours=1))
    wait = caught.value.details["retry_after_seconds"]
    assert wait == 23 * 3600
    require_tries_left(attempts=attempts, at=AT + timedelta(hours=1, seconds=wait))
    with pytest.raises(CardTriesExhausted):
        require_tries_left(attempts=attempts, at=AT + timedelta(hours=1, seconds=wait - 1))


def test_an_instrument_is_added_then_verified_then_removed_and_nothing_else() -> None:
    allowed = {
        (InstrumentState.ADDED, InstrumentEvent.VERIFY): InstrumentState.VERIFIED,
        (InstrumentState.ADDED, InstrumentEvent.REMOVE): InstrumentState.REMOVED,
        (InstrumentState.VERIFIED, InstrumentEvent.REMOVE): InstrumentState.REMOVED,
    }
    for state in InstrumentState:
        for event in InstrumentEvent:
            card = instrument(InstrumentKind.DEBIT_CARD, state)
            if (state, event) in allowed:
                assert after(instrument=card, event=event).state is allowed[state, event]
            else:
                with pytest.raises(InstrumentTransitionNotAllowed):
                    after(instrument=card, event=event)


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (ElementsAnswer.MISMATCH, CardNotOwn),
        (ElementsAnswer.NOT_SUPPORTED, CardNotSupported),
        (ElementsAnswer.CARD_CLOSED, CardClosed),
    ],
)
def test_only_a_match_makes_a_card_ones_own(answer: ElementsAnswer, refusal: type[Refusal]) -> None:
    added = instrument(InstrumentKind.DEBIT_CARD, InstrumentState.ADDED)
    assert verified(instrument=added, answer=ElementsAnswer.MATCH).state is InstrumentState.VERIFIED
    with pytest.raises(refusal):
        verified(instrument=added, answer=answer)


def test_a_loan_is_paid_out_to_a_verified_debit_card_or_wallet_only() -> None:
    payable = {
        (kind, state) for kind in InstrumentKind for state in InstrumentState if _pays_out(instrument(kind, state))
    }
    paid_to = (InstrumentKind.DEBIT_CARD, InstrumentKind.WALLET)
    assert payable == {(kind, InstrumentState.VERIFIED) for kind in paid_to}


def _pays_out(card: Instrument) -> bool:
    try:
        require_payout(instrument=card)
    except (CardNotSupported, InstrumentNotVerified):
        return False
    return True
