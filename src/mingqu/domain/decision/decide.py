"""One decision: inputs → points card → policy table → limit → price per product → reasons with remedies.

A decision is a pure function of its inputs, the policies it names by hash, and the business date. It is
therefore replayed to the byte from its record. It fails closed: an input that is missing or strange raises,
and nothing but a full set of inputs, no policy hit and at least one priced product is an approval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import ClassVar, Final

from mingqu.domain.decision.card import score_values
from mingqu.domain.decision.experiment import AS_EVERYBODY, Variant
from mingqu.domain.decision.field import Value, Vector
from mingqu.domain.decision.override import Override, OverrideForbidden, OverrideNotPossible
from mingqu.domain.decision.pack import Pack
from mingqu.domain.decision.record import APPROVED, OVERRIDE, RECORD_FORMAT, REFUSED, Decision, ProductPrice, Reason
from mingqu.domain.decision.strategy import Offer, Strategy
from mingqu.domain.decision.switch import NOTHING_OFF, Switches, is_law
from mingqu.domain.decision.table import RETRY_ON, Row, Words, nearest_outside
from mingqu.domain.policy_file import Plain
from mingqu.domain.refusal import Refusal

PRODUCTS_MAX: Final = 200  # products asked in one decision; more is a mistake of the caller


class DecisionRecordMalformed(Refusal):
    """The record is not one that `Decision.record` wrote."""

    code: ClassVar[str] = "decision_record_malformed"


def decide(
    *,
    inputs: Mapping[str, Value],
    pack: Pack,
    product_ids: tuple[str, ...],
    business_date: date,
    switches: Switches = NOTHING_OFF,
    variant: Variant = AS_EVERYBODY,
) -> Decision:
    """Decide once for a person and these products on a date; what is switched off and the variant are recorded with it.

    The total limit is the limit grid's cell, at most what the strategy's exposure ceiling leaves beside
    `total_exposure_fen`. A product's limit is that, at most what product and law allow, rounded down to the
    product's step; below the product's smallest amount it is not offered. Worked example: cell 3,000,000 fen,
    ceiling 20,000,000, exposure 18,555,555 → total 1,444,445; with a step of 10,000 the product lends 1,440,000.
    Source of the per-person ceilings: the rule rows `exposure_person_fen_max`.

    Errors: DecisionInputInvalid, FeatureMissing, PolicyMissing, ProductNotOffered, RuleMissing, PriceAboveCap.
    """
    assert 0 < len(product_ids) <= PRODUCTS_MAX
    strategy = pack.on(business_date=business_date, product_ids=product_ids, instead=variant.instead)
    return _decide(inputs, strategy, switches, variant.name)


def _decide(inputs: Mapping[str, Value], strategy: Strategy, switches: Switches, variant: str) -> Decision:
    passed = strategy.fields.read(inputs=inputs)
    scored = score_values(card=strategy.card, values=[passed[at] for at in strategy.card_at])
    # The order of COMPUTED: band, score, probability_ppm.
    vector = (*passed, strategy.band_places[scored.band], scored.points, scored.probability_ppm)
    hits = strategy.policy.hits(vector=vector)
    if switches.names:
        hits = tuple([row for row in hits if not switches.skips(table_id=strategy.policy.id, row=row)])
    limit_cell = strategy.limits.place(vector=vector)
    limit_fen, prices = (0, ()) if hits else _priced(strategy, vector, limit_cell)
    reasons = tuple([_reason(row, strategy, vector) for row in hits])
    if not hits and not prices:
        reasons = (_no_offer(strategy),)
        limit_fen = 0
    return Decision(
        outcome=REFUSED if reasons else APPROVED,
        score=scored.points,
        band=scored.band,
        probability_ppm=scored.probability_ppm,
        limit_fen=limit_fen,
        prices=prices,
        reasons=reasons,
        near_misses=strategy.policy.near_misses(vector=vector),
        factors=scored.factors,
        contributions=scored.contributions,
        limit_cell=limit_cell,
        numbers=passed,
        strategy=strategy,
        variant=variant,
        switched=switches.names,
    )


def _priced(
    strategy: Strategy, vector: Vector, limit_cell: int, *, most_fen: int | None = None
) -> tuple[int, tuple[ProductPrice, ...]]:
    exposure_fen = vector[strategy.exposure_at]
    cell_fen = strategy.limits.cells[limit_cell]
    assert exposure_fen is not None
    assert cell_fen is not None, "a limit grid holds amounts only"
    total_fen = max(0, min(cell_fen, strategy.exposure_fen_max - exposure_fen))
    if most_fen is not None:
        total_fen = min(total_fen, most_fen)
    prices = [_price(offer, vector, total_fen) for offer in strategy.offers]
    return total_fen, tuple([price for price in prices if price is not None])


def _price(offer: Offer, vector: Vector, total_fen: int) -> ProductPrice | None:
    product = offer.product
    rate_year_ppm = offer.prices.value(vector=vector)
    limit_fen = min(total_fen, offer.amount_max_fen)
    limit_fen -= limit_fen % product.amount_step_fen  # a limit is rounded down to what can be drawn
    if rate_year_ppm is None or limit_fen < product.amount_min_fen:
        return None
    return ProductPrice(
        product_id=product.id,
        product_version=product.version,
        rate_year_ppm=rate_year_ppm,
        limit_fen=limit_fen,
    )


def _reason(row: Row, strategy: Strategy, vector: Vector) -> Reason:
    retry_on = strategy.business_date + timedelta(days=row.wait_days) if row.wait_days else None
    needed = None
    if row.changeable:
        at = strategy.fields.place[row.changeable]
        value = vector[at]
        assert value is not None, "a row with a missing value is not hit"
        needed = nearest_outside(field=strategy.fields.fields[at], spans=row.box[row.changeable], value=value)
    return _worded(row.reason, row.id, row.words, row.changeable, needed, retry_on)


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


def set_aside(*, made: Decision, override: Override) -> Decision:
    """Return what two people decide instead of a refusal: the same inputs and tables, read as one band better.

    Example: band D and a cell of 300,000 fen for it, 1,000,000 for band C: at most 1,000,000, less if `limit_fen` is.
    Errors: OverrideForbidden (a row that is law was hit), OverrideNotPossible.
    """
    assert not made.approved, "only a refusal is set aside"
    strategy = made.strategy
    place = strategy.band_places[made.band]
    vector = (*made.numbers, max(0, place - 1), made.score, made.probability_ppm)
    hits = strategy.policy.hits(vector=(*made.numbers, place, made.score, made.probability_ppm))
    if any(is_law(row) for row in hits):
        raise OverrideForbidden("This refusal follows from law; nobody sets it aside.")
    cell = strategy.limits.place(vector=vector)
    limit_fen, prices = _priced(strategy, vector, cell, most_fen=override.limit_fen)
    if not prices:
        raise OverrideNotPossible("Even one band better no product serves this person, or not with so little.")
    return replace(
        made,
        outcome=APPROVED,
        limit_fen=limit_fen,
        prices=prices,
        reasons=(),
        limit_cell=cell,
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
    if not isinstance(public, dict) or not isinstance(sealed, dict) or public.get("format") != RECORD_FORMAT:
        raise DecisionRecordMalformed("The record has not the two parts and the format number of a decision.")
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
    variant, switched = public.get("variant", ""), public.get("switched", [])
    if not isinstance(variant, str) or not isinstance(switched, list):
        raise DecisionRecordMalformed("The record's variant or what was switched off is not as it is written.")
    switches = Switches(names=tuple(str(name) for name in switched))
    override = _override(public.get("override"))
    made = _decide(_inputs(inputs, strategy), strategy, switches, "" if override else variant)
    return set_aside(made=made, override=override) if override else made


def _override(written: Plain) -> Override | None:
    if written is None:
        return None
    if not isinstance(written, dict) or not isinstance(written.get("limit_fen"), int):
        raise DecisionRecordMalformed("What the record says of an override is not as it is written.")
    return Override(of=str(written.get("of")), limit_fen=int(str(written["limit_fen"])))


def _inputs(written: Mapping[str, Plain], strategy: Strategy) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, value in written.items():
        if isinstance(value, list | dict):
            raise DecisionRecordMalformed("An input of the record is not a single value.")
        field = strategy.fields.named(name)
        flag = field is not None and field.type == "flag" and value in (0, 1)
        found[name] = bool(value) if flag else value
    return found
