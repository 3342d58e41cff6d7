"""Applying, the decision with its reasons, and what may be borrowed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request
from litestar.params import FromPath, JSONBody

from mingqu.api.gate import CallerHere, DeviceHere, HouseHere, KeyHere, origin_here
from mingqu.api.operation import reads, writes
from mingqu.api.shape import Answer, Body, Fen, FenAsked, Hash, Ppm, shaped
from mingqu.domain.cap import CapUnchanged
from mingqu.domain.consent import ConsentMissing
from mingqu.domain.decision.switch import LendingSwitchedOff
from mingqu.services.appeals.ask_for_person import WishUnknown, ask_for_person
from mingqu.services.decisions.assess import (
    AppliedTooSoon,
    AssessedAlready,
    BureauHasNothing,
    BureauSilent,
    IdentityUnverified,
    assess,
)
from mingqu.services.decisions.read_limit import DecisionNotFound, DecisionView, decision_view, limit_view, made_view
from mingqu.services.limits.cap_limit import cap_limit
from mingqu.services.limits.stand_in_band import BandUnknown, band_view
from mingqu.services.once import claim_of, id_of_key
from mingqu.services.people.note_signals import DeviceMalformed
from mingqu.services.require_pace import VelocityStopped

TAG: Final = "Credit"
BandName = Annotated[str, msgspec.Meta(examples=["B"], description="The best is A.")]


class NewApplication(Body, frozen=True, kw_only=True):
    """What the caller wishes to borrow and earns each month."""

    requested_amount_fen: FenAsked
    monthly_income_fen: Fen


class Reason(Answer, frozen=True, kw_only=True):
    """Why not, and what helps. `needed` is the value of `field` that passes, `retry_on` the first day to try again."""

    code: Annotated[str, msgspec.Meta(examples=["recent_delay"])]
    text_zh: str
    text_en: str
    remedy_zh: str
    remedy_en: str
    field: str
    needed: int | None
    retry_on: date | None


class Change(Answer, frozen=True, kw_only=True):
    """One thing to do: `needed` is the value of `field` afterwards, `by` the difference. To `wait` has no field and
    needs a day."""

    action: Annotated[str, msgspec.Meta(examples=["settle_loans"])]
    field: Annotated[str, msgspec.Meta(examples=["lenders_count"])]
    now: int | bool | str | None
    needed: int | bool | str | None
    by: int | None
    text_zh: str
    text_en: str


class Remedy(Answer, frozen=True, kw_only=True):
    """Changes that together change the answer: proved by deciding again with them, by the policies known for that day.

    `on` is the first day on which to apply again, `limit_fen` what would then be granted.
    """

    changes: list[Change]
    on: date
    limit_fen: Fen


class Review(Answer, frozen=True, kw_only=True):
    """What was asked of a person, and when. Once it is answered, how, and in which words."""

    request_id: UUID
    wish: str
    asked_at: datetime
    answered_at: datetime | None = None
    outcome: Annotated[str, msgspec.Meta(examples=["upheld"])] | None = None
    answer: str | None = None


class Decision(Answer, frozen=True, kw_only=True):
    """A decision about the caller, made again from its own record each time it is read.

    `remedies` are up to three ways, the easiest first: out of a refusal, or to a higher limit or lower price.
    `review` is what the caller asked a person for last about it, and the answer once there is one: `upheld`,
    `reassess` (apply again whenever you like) or `answered`.
    """

    decision_id: UUID
    decided_at: datetime
    business_date: date
    approved: bool
    score: int
    band: Annotated[str, msgspec.Meta(examples=["B"])]
    limit_fen: Fen
    reasons: list[Reason]
    remedies: list[Remedy]
    retry_on: date | None
    record_hash: Hash
    review: Review | None


class ProductLimit(Answer, frozen=True, kw_only=True):
    """What may be borrowed with one product."""

    facility_id: UUID
    product_id: Annotated[str, msgspec.Meta(examples=["sunny-instalment"])]
    product_version: int
    product_zh: str
    product_en: str
    lender_zh: str
    lender_en: str
    licence: str
    granted_fen: Fen
    available_fen: Fen
    rate_year_ppm: Ppm
    amount_min_fen: Fen
    amount_step_fen: Fen
    methods: list[str]
    instalment_counts: list[int]


class Cap(Answer, frozen=True, kw_only=True):
    """The caller's own cap, null when there is none. `next_at` says when `next_fen` (null: none) takes its place."""

    amount_fen: Fen | None
    next_fen: Fen | None
    next_at: datetime | None


class NewCap(Body, frozen=True, kw_only=True):
    """At most so much drawn and held at a time; null lifts the cap."""

    amount_fen: FenAsked | None


class Limit(Answer, frozen=True, kw_only=True):
    """The caller's limit over all products; zeros and an empty list when there is none.

    Of a raise `waiting_fen` are of use only from `usable_at` on. From `valid_until` on (null: no end) nothing more is
    drawn until the caller has applied again.
    """

    decision_id: UUID | None
    currency: Annotated[str, msgspec.Meta(examples=["CNY"])]
    granted_fen: Fen
    available_fen: Fen
    drawn_fen: Fen
    held_fen: Fen
    cap: Cap
    waiting_fen: Fen
    usable_at: datetime | None
    valid_until: date | None
    expired: bool
    products: list[ProductLimit]


class BandTurn(Answer, frozen=True, kw_only=True):
    """A day on which the band becomes another one, and how much of the limit is of use then."""

    on: date
    band: BandName
    usable_fen: Fen


class Band(Answer, frozen=True, kw_only=True):
    """The caller's band as it was assessed and as it stands, and what would change it.

    While something is `late_days` late nothing new can be drawn (`frozen`); repaying always works. `rises` hold if what
    is overdue is paid today and nothing is late from then on, `falls` if it is not paid.
    """

    on: date
    assessed: BandName
    band: BandName
    granted_fen: Fen
    usable_fen: Fen
    late_days: int
    frozen: bool
    in_order_since: date | None
    rises: list[BandTurn]
    falls: list[BandTurn]


class NewReview(Body, frozen=True, kw_only=True):
    """What is asked of a person: `explain` the decision, or `review` it."""

    wish: Annotated[str, msgspec.Meta(max_length=40, examples=["review"])]


@writes(
    "/applications",
    tag=TAG,
    refuses=(
        ConsentMissing,
        IdentityUnverified,
        AppliedTooSoon,
        AssessedAlready,
        BureauHasNothing,
        BureauSilent,
        LendingSwitchedOff,
        VelocityStopped,
        DeviceMalformed,
    ),
)
def apply(
    request: Request[Any, Any, Any],
    data: JSONBody[NewApplication],
    key: KeyHere,
    house: HouseHere,
    caller: CallerHere,
    device: DeviceHere = None,
) -> Decision:
    """Apply, and get the decision.

    Takes a verified identity and the consents `bureau_query` and `automated_decision`. A refusal is a decision too:
    it is answered with 201, its reasons and what would change it. When the bureau is silent (503) nothing was
    decided: send the same again, with the same key.
    """

    asked = msgspec.to_builtins(data)
    made = assess(
        house,
        person_id=caller.person_id,
        application_id=id_of_key(scope=caller.person_id, command="apply", key=key),
        requested_amount_fen=data.requested_amount_fen,
        monthly_income_fen=data.monthly_income_fen,
        origin=origin_here(request, device),
        claim=claim_of(house, scope=caller.person_id, command="apply", key=key, request=asked),
    )
    return _decision(made_view(made))


@reads("/decisions/latest", tag=TAG, refuses=(DecisionNotFound,))
def read_latest_decision(house: HouseHere, caller: CallerHere) -> Decision:
    """Read the newest decision about the caller; 404 when nothing was decided yet."""
    return _decision(decision_view(house, person_id=caller.person_id))


@reads("/decisions/{decision_id:uuid}", tag=TAG, refuses=(DecisionNotFound,))
def read_decision(decision_id: FromPath[UUID], house: HouseHere, caller: CallerHere) -> Decision:
    """Read a decision with its reasons."""
    return _decision(decision_view(house, person_id=caller.person_id, decision_id=decision_id))


@writes("/decisions/{decision_id:uuid}/reviews", tag=TAG, refuses=(WishUnknown, DecisionNotFound))
def ask_for_review(
    decision_id: FromPath[UUID], data: JSONBody[NewReview], key: KeyHere, house: HouseHere, caller: CallerHere
) -> Review:
    """Ask that a person explains a decision, or looks at it again."""
    asked = ask_for_person(house, person_id=caller.person_id, wish=data.wish, key=key, decision_id=decision_id)
    return shaped(asked, Review, answered_at=None, outcome=None, answer=None)


@reads("/limit", tag=TAG)
def read_limit(house: HouseHere, caller: CallerHere) -> Limit:
    """Read what the caller may borrow, over all products and with each."""
    view = limit_view(house, person_id=caller.person_id)
    if view is None:
        return Limit(
            decision_id=None,
            currency="CNY",
            granted_fen=0,
            available_fen=0,
            drawn_fen=0,
            held_fen=0,
            cap=Cap(amount_fen=None, next_fen=None, next_at=None),
            waiting_fen=0,
            usable_at=None,
            valid_until=None,
            expired=False,
            products=[],
        )
    return shaped(view, Limit)


@reads("/limit/band", tag=TAG, refuses=(BandUnknown,))
def read_band(house: HouseHere, caller: CallerHere) -> Band:
    """Read how the caller stands after having been late, and on which days what was lost comes back."""
    view = band_view(house, person_id=caller.person_id)
    if view is None:
        raise BandUnknown("There is no band without limits.")
    return shaped(view, Band)


@writes("/limit/cap", tag=TAG, refuses=(CapUnchanged,))
def set_cap(data: JSONBody[NewCap], key: KeyHere, house: HouseHere, caller: CallerHere) -> Cap:
    """Set, raise or lift the caller's own cap. A lower one holds at once; a higher one, or none, after a day."""
    return shaped(cap_limit(house, person_id=caller.person_id, amount_fen=data.amount_fen, key=key), Cap)


def _decision(view: DecisionView) -> Decision:
    return shaped(view, Decision, record_hash=view.record_hash.hex())


HANDLERS: Final = (apply, read_latest_decision, read_decision, ask_for_review, read_limit, read_band, set_cap)
