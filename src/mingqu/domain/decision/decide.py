"""One decision: inputs → points card → policy table → limit → price per product → reasons with remedies.

A decision is a pure function of its inputs, the policies it names by hash, and the business date. It is
therefore replayed to the byte from its record. It fails closed: an input that is missing or strange raises,
and nothing but a full set of inputs, no policy hit and at least one priced product is an approval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import ClassVar, Final, NamedTuple

from mingqu.domain.decision.card import score_values
from mingqu.domain.decision.field import Value, Vector
from mingqu.domain.decision.override import Override, OverrideForbidden, OverrideNotPossible
from mingqu.domain.decision.pack import Pack
from mingqu.domain.decision.record import (
    APPROVED,
    FORMAT_ONE,
    OVERRIDE,
    RECORD_FORMAT,
    REFUSED,
    Decision,
    ProductPrice,
    Reason,
)
from mingqu.domain.decision.row import RETRY_ON, Row, Words, nearest_outside
from mingqu.domain.decision.strategy import Offer, Strategy
from mingqu.domain.decision.switch import is_law
from mingqu.domain.policy_file import Plain
from mingqu.domain.refusal import Refusal

NOTE_MAX: Final = 200  # characters of a variant, a switch or a consent id: ids and names are shorter
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
PRODUCTS_MAX: Final = 200  # products asked in one decision; more is a mistake of the caller


class DecisionRecordMalformed(Refusal):
    """The record is not one that `Decision.record` wrote."""

    code: ClassVar[str] = "decision_record_malformed"


class CallerNoteMalformed(Refusal):
    """A variant, a switch or a consent id that the caller passed is not a short plain text."""

    code: ClassVar[str] = "caller_note_malformed"


def decide(
    *,
    inputs: Mapping[str, Value],
    pack: Pack,
    product_ids: tuple[str, ...],
    business_date: date,
    variant: str = "",
    switches: Mapping[str, str] | None = None,
    read_under: Mapping[str, str] | None = None,
) -> Decision:
    """Decide once for a person and these products on a date.

    The total limit is the limit grid's cell, at most what the strategy's exposure ceiling leaves beside
    `total_exposure_fen`. A product's limit is that, at most what product and law allow, rounded down to the
    product's step; below the product's smallest amount it is not offered. Worked example: cell 3,000,000 fen,
    ceiling 20,000,000, exposure 18,555,555 → total 1,444,445; with a step of 10,000 the product lends 1,440,000.
    Source of the per-person ceilings: the rule rows `exposure_person_fen_max`.

    `variant` says for the record which of several strategies this is ("champion", "challenger:…"). `switches` names
    what is switched off, "row/ID", "product/ID" or "lender/CODE", each with the id of that act: such a row is not read,
    such an offer not made. `read_under` gives the id of a consent, by its name as the fields declare it or by a field.

    Errors: DecisionInputInvalid, FeatureMissing, PolicyMissing, ProductNotOffered, RuleMissing, PriceAboveCap,
    CallerNoteMalformed, LawNotSwitchedOff.
    """
    assert 0 < len(product_ids) <= PRODUCTS_MAX
    strategy = pack.on(business_date=business_date, product_ids=product_ids)
    return decide_with(inputs=inputs, strategy=strategy, variant=variant, switches=switches, read_under=read_under)


def decide_with(
    *,
    inputs: Mapping[str, Value],
    strategy: Strategy,
    variant: str = "",
    switches: Mapping[str, str] | None = None,
    read_under: Mapping[str, str] | None = None,
    record_format: int = RECORD_FORMAT,
) -> Decision:
    """Return the decision of one strategy: what `decide` does once it has found it. Errors: those of `decide`."""
    if variant or switches or read_under:
        check_notes(notes={"variant": variant, **(switches or {})})
        check_notes(notes=read_under or {})
    reading = strategy.without(switches=switches) if switches else strategy
    passed = reading.fields.read(inputs=inputs)
    scored = score_values(card=reading.card, values=reading.pick_card(passed))
    # The order of COMPUTED: band, score, probability_ppm.
    vector = (*passed, reading.band_places[scored.band], scored.points, scored.probability_ppm)
    hits = reading.policy.hits(vector=vector)
    limit_cell = reading.limits.place(vector=vector)
    cells = [offer.prices.place(vector=vector) for offer in reading.offers]
    limit_fen, prices = (0, ()) if hits else _priced(reading, vector, limit_cell, cells)
    reasons = tuple([_reason(row, reading, vector) for row in hits])
    if not hits and not prices:
        reasons = (_no_offer(reading),)
        limit_fen = 0
    return Decision(
        REFUSED if reasons else APPROVED,
        scored.points,
        scored.band,
        scored.probability_ppm,
        limit_fen,
        prices,
        reasons,
        reading.policy.near_misses(vector=vector),
        scored.factors,
        scored.contributions,
        limit_cell,
        tuple([(offer.product.id, cell) for offer, cell in zip(reading.offers, cells, strict=True)]),
        passed,
        reading,
        variant,
        switches or NOTHING,
        read_under or NOTHING,
        record_format,
    )


class Outlook(NamedTuple):
    """What comes out for some numbers, without reasons and record; not offered where nothing is priced."""

    limit_fen: int
    prices: tuple[ProductPrice, ...]


def outlook(*, strategy: Strategy, numbers: Vector) -> Outlook:
    """Return limit and prices for inputs that were read already; both empty for a refusal. Errors: FeatureMissing."""
    scored = score_values(card=strategy.card, values=strategy.pick_card(numbers))
    vector = (*numbers, strategy.band_places[scored.band], scored.points, scored.probability_ppm)
    if strategy.policy.hits(vector=vector):
        return Outlook(0, ())
    cells = [offer.prices.place(vector=vector) for offer in strategy.offers]
    limit_fen, prices = _priced(strategy, vector, strategy.limits.place(vector=vector), cells)
    return Outlook(limit_fen if prices else 0, prices)


def check_notes(*, notes: Mapping[str, str]) -> None:
    """Refuse what could not stand in a record: anything but short texts of plain printable ASCII."""
    for name, value in notes.items():
        for text in (name, value):
            if type(text) is not str or len(text) > NOTE_MAX or not text.isascii() or not (text + "x").isprintable():
                raise CallerNoteMalformed(f"Variant, switches and consents are texts of at most {NOTE_MAX} characters.")


def _priced(
    strategy: Strategy, vector: Vector, limit_cell: int, cells: Sequence[int], *, most_fen: int | None = None
) -> tuple[int, tuple[ProductPrice, ...]]:
    exposure_fen = vector[strategy.exposure_at]
    cell_fen = strategy.limits.cells[limit_cell]
    assert exposure_fen is not None
    assert cell_fen is not None, "a limit grid holds amounts only"
    total_fen = max(0, min(cell_fen, strategy.exposure_fen_max - exposure_fen))
    if most_fen is not None:
        total_fen = min(total_fen, most_fen)
    prices = [
        _price(offer, offer.prices.cells[cell], total_fen) for offer, cell in zip(strategy.offers, cells, strict=True)
    ]
    return total_fen, tuple([price for price in prices if price is not None])


def _price(offer: Offer, rate_year_ppm: int | None, total_fen: int) -> ProductPrice | None:
    product = offer.product
    limit_fen = min(total_fen, offer.amount_max_fen)
    limit_fen -= limit_fen % product.amount_step_fen  # a limit is rounded down to what can be drawn
    if rate_year_ppm is None or limit_fen < product.amount_min_fen:
        return None
    return ProductPrice(product.id, product.version, rate_year_ppm, limit_fen)


def _reason(row: Row, strategy: Strategy, vector: Vector) -> Reason:
    needed = None
    if row.changeable:
        at = strategy.fields.place[row.changeable]
        value = vector[at]
        assert value is not None, "a row with a missing value is not hit"
        needed = nearest_outside(field=strategy.fields.fields[at], spans=row.box[row.changeable], value=value)
    # On one date a row has no more different reasons than its cell has edges, so few are ever written.
    found = strategy.reasons.get((row.id, needed))
    if not isinstance(found, Reason):
        retry_on = strategy.business_date + timedelta(days=row.wait_days) if row.wait_days else None
        found = _worded(row.reason, row.id, row.words, row.changeable, needed, retry_on)
        strategy.reasons[row.id, needed] = found
    return found


def _no_offer(strategy: Strategy) -> Reason:
    return _worded(strategy.no_offer_reason, "no_offer", strategy.no_offer_words, "", None, None)


def _worded(code: str, row: str, words: Words, field: str, needed: int | None, retry_on: date | None) -> Reason:
    day = "" if retry_on is None else retry_on.isoformat()
    return Reason(
        code=code,
        row=row,
        text_zh=words.text_zh,
        text_en=words.text_en,
        remedy_zh=words.remedy_zh.replace(RETRY_ON, day),
        remedy_en=words.remedy_en.replace(RETRY_ON, day),
        field=field,
        needed=needed,
        retry_on=retry_on,
    )


def require_no_law(*, made: Decision) -> None:
    """Return when no row that is law stands in the way of setting a refusal aside. Errors: OverrideForbidden."""
    strategy = made.strategy
    vector = (*made.numbers, strategy.band_places[made.band], made.score, made.probability_ppm)
    if any(is_law(row) for row in strategy.policy.hits(vector=vector)):
        raise OverrideForbidden("This refusal follows from law; nobody sets it aside.")


def set_aside(*, made: Decision, override: Override) -> Decision:
    """Return what two people decide instead of a refusal: the same inputs and tables, read as one band better.

    Example: band D and a cell of 300,000 fen for it, 1,000,000 for band C: at most 1,000,000, less if `limit_fen` is.
    Whether it may be is asked before it is made (`require_no_law`), and not again when it is replayed: what became law
    since does not change what two people decided then. Errors: OverrideNotPossible.
    """
    assert not made.approved, "only a refusal is set aside"
    strategy, place = made.strategy, made.strategy.band_places[made.band]
    vector = (*made.numbers, max(0, place - 1), made.score, made.probability_ppm)
    limit_cell = strategy.limits.place(vector=vector)
    cells = [offer.prices.place(vector=vector) for offer in strategy.offers]
    limit_fen, prices = _priced(strategy, vector, limit_cell, cells, most_fen=override.limit_fen)
    if not prices:
        raise OverrideNotPossible("Even one band better no product serves this person, or not with so little.")
    return made._replace(
        outcome=APPROVED,
        limit_fen=limit_fen,
        prices=prices,
        reasons=(),
        limit_cell=limit_cell,
        price_cells=tuple([(offer.product.id, cell) for offer, cell in zip(strategy.offers, cells, strict=True)]),
        variant=OVERRIDE,
        override=override,
    )


def replay(*, record: Mapping[str, Plain], pack: Pack) -> bytes:
    """Decide again from a record, with the very policies it names, and return the bytes of the new record.

    Equal bytes prove that the decision was what these inputs and policies give. Errors: those of `decide_again`.
    """
    return decide_again(record=record, pack=pack).record_bytes()


def decide_again(*, record: Mapping[str, Plain], pack: Pack) -> Decision:
    """Return the decision that a record's inputs and the very policies it names give.

    Errors: DecisionRecordMalformed; PolicyMissing when a version is not in the pack; whatever `decide` refuses.
    """
    public, sealed = record.get("public"), record.get("sealed")
    if not isinstance(public, dict) or not isinstance(sealed, dict):
        raise DecisionRecordMalformed("The record has not the two parts of a decision.")
    record_format = public.get("format")
    if not isinstance(record_format, int) or record_format not in (FORMAT_ONE, RECORD_FORMAT):
        raise DecisionRecordMalformed("The record has no format number that is known.")
    day, names, versions, inputs = (
        public.get("business_date"), public.get("product_ids"), public.get("versions"), sealed.get("inputs"),
    )  # fmt: skip
    if not (isinstance(names, list) and isinstance(versions, dict) and isinstance(inputs, dict)):
        raise DecisionRecordMalformed("The record lacks its products, its versions or its inputs.")
    try:
        business_date = date.fromisoformat(str(day))
    except ValueError:
        raise DecisionRecordMalformed("The record has no business date.") from None
    strategy = pack.pinned(
        business_date=business_date,
        product_ids=tuple(str(name) for name in names),
        versions={name: str(value) for name, value in versions.items()},
    )
    noted = record_format != FORMAT_ONE  # the first format knew of none of these
    made = decide_with(
        inputs=_inputs(inputs, strategy),
        strategy=strategy,
        variant=str(public.get("variant", "")) if noted else "",
        switches=_noted(public, "switches") if noted else None,
        read_under=_noted(sealed, "read_under") if noted else None,
        record_format=record_format,
    )
    override = _override(public.get("override"))
    return made if override is None else set_aside(made=made, override=override)


def _override(written: Plain) -> Override | None:
    if written is None:
        return None
    if not isinstance(written, dict) or not isinstance(written.get("limit_fen"), int):
        raise DecisionRecordMalformed("What the record says of an override is not as it is written.")
    return Override(of=str(written.get("of")), limit_fen=int(str(written["limit_fen"])))


def _noted(part: Mapping[str, Plain], name: str) -> dict[str, str]:
    """Return the texts that a caller passed and a record of the second format repeats."""
    found = part.get(name, {})
    if not isinstance(found, dict):
        raise DecisionRecordMalformed(f"The record's {name} are not names with texts.")
    return {key: str(value) for key, value in found.items()}


def _inputs(written: Mapping[str, Plain], strategy: Strategy) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, value in written.items():
        if isinstance(value, list | dict):
            raise DecisionRecordMalformed("An input of the record is not a single value.")
        field = strategy.fields.named(name)
        flag = field is not None and field.type == "flag" and value in (0, 1)
        found[name] = bool(value) if flag else value
    return found
