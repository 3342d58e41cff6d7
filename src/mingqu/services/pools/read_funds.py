"""The fund centre: people, lines and pools, what each source has out, how near each limit is, and what lies ahead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from mingqu.domain.funding import (
    FundingPlan,
    Level,
    Limit,
    LimitKind,
    Point,
    Source,
    SourceKind,
    forecast,
    level_of,
)
from mingqu.domain.rate import PPM
from mingqu.services.funding.name_holder import Holder, holders
from mingqu.services.house import House
from mingqu.services.limits.follow_funding import limits_of_source, limits_on
from mingqu.services.pools.read_pools import PoolView as PoolView
from mingqu.services.pools.read_pools import read_pools
from mingqu.store.funders import fund_view
from mingqu.store.funders.fund_view import Lines as Lines
from mingqu.store.funders.fund_view import SourceKey, SourceTotal
from mingqu.store.loans import loan_buy_back
from mingqu.store.loans.loan_buy_back import Bought


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitLine:
    """A limit and how near it is, in fen and in millionths of it; `ahead` is its quarter, where it was worked out."""

    id: UUID
    name: str
    kind: str
    owner_zh: str
    owner_en: str
    limit_fen: int
    used_fen: int
    document: str
    level: Level
    ahead: tuple[Point, ...] = ()

    @property
    def tightest(self) -> Point | None:
        """The week of its quarter that leaves the least room, the first of several."""
        return min(self.ahead, key=lambda point: (point.room_fen, point.on), default=None)

    @property
    def free_fen(self) -> int:
        """What is left of it."""
        return max(0, self.limit_fen - self.used_fen)

    @property
    def used_ppm(self) -> int:
        """How much of it is used, rounded down; of a limit of nothing, all."""
        return min(PPM, self.used_fen * PPM // self.limit_fen) if self.limit_fen else PPM


@dataclass(frozen=True, slots=True, kw_only=True)
class SharePart:
    """Whose a part of a source's loans is."""

    name_zh: str
    name_en: str
    ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """One source of a product: what it has out, its line, the nearest of its limits, and a quarter of its line."""

    product_id: str
    product_zh: str
    product_en: str
    plan_version: int
    place: int
    source_id: str
    kind: str
    name_zh: str
    name_en: str
    shares: tuple[SharePart, ...]
    loans: int
    principal_fen: int
    line: LimitLine
    nearest: LimitLine
    ahead: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoughtLine:
    """What somebody has of another's parts of joint loans since they were bought back, and what was agreed for them."""

    seller_zh: str
    seller_en: str
    buyer_zh: str
    buyer_en: str
    loans: int
    principal_fen: int
    price_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Funds:
    """The fund centre of a business date, of the whole book or of one funder."""

    on: date
    lines: Lines
    sources: tuple[SourceLine, ...]
    limits: tuple[LimitLine, ...]
    held: tuple[PoolView, ...]
    bought: tuple[BoughtLine, ...] = ()

    @property
    def pools(self) -> int:
        """How many pools of securities may buy loans by the plans; those that do are `held`."""
        return sum(one.kind == SourceKind.ABS_POOL for one in self.sources)

    @property
    def principal_fen(self) -> int:
        """What all sources have out, and what was bought back of it."""
        return sum(one.principal_fen for one in self.sources) + sum(one.principal_fen for one in self.bought)

    @property
    def alarms(self) -> tuple[LimitLine, ...]:
        """The limits of which nine tenths or all are used, the nearest first."""
        near = [one for one in self.limits if one.level is not Level.OPEN and one.used_fen]
        return tuple(sorted(near, key=lambda one: (-one.used_ppm, one.name)))


def read_funds(house: House, *, lender_id: UUID | None = None) -> Funds:
    """Return the fund centre as it stands; with a `lender_id` only that funder's part.

    Of a joint source that is its line and the funder's own limits: the other's capital is not its business.

    What is used counts repayments from the morning after them on (`follow_funding`). Errors: RuleMissing.
    """
    today = house.clock.business_date()
    every = limits_on(house, today)
    with house.database.transaction() as tx:
        used = fund_view.used_fen(tx, headroom_ids=list(every))
        totals, dues = fund_view.source_totals(tx), fund_view.dues(tx)
        offered = fund_view.offered(tx, at=house.clock.now())
        lines = fund_view.lines(tx, lender_id=lender_id)
        bought = loan_buy_back.held(tx, funder_id=lender_id)
    view = _View(house=house, on=today, used=used, lender_id=lender_id)
    sources = [
        view.source(plan, source, place, totals, dues, offered.get(plan.product_id, (0, 0))[1])
        for plan in house.funding.plans_on(today)
        for place, source in enumerate(plan.sources, start=1)
        if lender_id is None or lender_id in {source.funder_id, *(one.lender_id for one in source.funding.shares)}
    ]
    parts = _parts_ahead(house, today, dues, {name: fen for name, (_, fen) in offered.items()})
    shown = [
        view.limit(one, ahead=parts.get(one.id, _NOTHING))
        for one in every.values()
        if lender_id is None or one.owner_id == lender_id
    ]
    return Funds(
        on=today,
        lines=lines,
        sources=tuple(sources),
        limits=tuple(sorted(shown, key=lambda one: (-one.used_ppm, one.name))),
        held=tuple(read_pools(house, lender_id=lender_id)),
        bought=tuple(_bought(holders(house), bought)),
    )


def _bought(known: Mapping[UUID, Holder], bought: Sequence[Bought]) -> Iterator[BoughtLine]:
    for one in bought:
        seller, buyer = known[one.seller], known[one.buyer]
        yield BoughtLine(
            seller_zh=seller.name_zh,
            seller_en=seller.name_en,
            buyer_zh=buyer.name_zh,
            buyer_en=buyer.name_en,
            loans=one.loans,
            principal_fen=one.principal_fen,
            price_fen=one.price_fen,
        )


_Ahead = tuple[dict[date, int], dict[date, int]]  # what comes back to a limit and what is promised of it, by day
_NOTHING: Final[_Ahead] = ({}, {})


def _parts_ahead(
    house: House, today: date, dues: Mapping[SourceKey, Mapping[date, int]], offered: Mapping[str, int]
) -> dict[UUID, _Ahead]:
    """Return what comes back to each limit and what is promised of it: the part that the limit counts, of each source.

    Whatever is offered goes to the first source of its product first. Errors: RuleMissing.
    """
    found: dict[UUID, _Ahead] = {}
    for plan in house.funding.plans_on(today):
        for place, source in enumerate(plan.sources):
            weeks = _from_today(dues.get((plan.product_id, source.id), {}), today)
            promised_fen = 0 if place else offered.get(plan.product_id, 0)
            for limit in limits_of_source(house, plan, source.id, today):
                comes, goes = found.setdefault(limit.id, ({}, {}))
                for on, fen in weeks.items():
                    comes[on] = comes.get(on, 0) + limit.used_by(source=source, amount_fen=fen)
                goes[today] = goes.get(today, 0) + limit.used_by(source=source, amount_fen=promised_fen)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    house: House
    on: date
    used: Mapping[UUID, int]
    lender_id: UUID | None  # whose people look, or None

    def shown(self, limit: Limit) -> bool:
        """Return whether whoever looks may see a limit: its own, and the line of a source that it has a part of."""
        return self.lender_id in (None, limit.owner_id) or limit.kind is LimitKind.LINE

    def names(self, funder_id: UUID) -> tuple[str, str]:
        found = self.house.funding.funders_on(self.on).get(funder_id)
        return (found.name_zh, found.name_en) if found else ("–", "–")

    def limit(self, limit: Limit, *, ahead: _Ahead | None = None) -> LimitLine:
        used_fen = self.used.get(limit.id, 0)
        owner_zh, owner_en = self.names(limit.owner_id)
        return LimitLine(
            id=limit.id,
            name=limit.name,
            kind=limit.kind.value,
            owner_zh=owner_zh,
            owner_en=owner_en,
            limit_fen=limit.limit_fen,
            used_fen=used_fen,
            document=limit.document,
            level=level_of(used_fen=used_fen, limit_fen=limit.limit_fen),
            ahead=()
            if ahead is None
            else forecast(limit_fen=limit.limit_fen, used_fen=used_fen, today=self.on, comes=ahead[0], goes=ahead[1]),
        )

    def source(
        self,
        plan: FundingPlan,
        source: Source,
        place: int,
        totals: Mapping[SourceKey, SourceTotal],
        dues: Mapping[SourceKey, Mapping[date, int]],
        offered_fen: int,
    ) -> SourceLine:
        of_source = limits_of_source(self.house, plan, source.id, self.on)
        limits = [self.limit(one) for one in of_source if self.shown(one)]
        line = next(one for one in limits if one.kind == "line")
        total = totals.get((plan.product_id, source.id), SourceTotal(loans=0, principal_fen=0))
        pack = self.house.pack
        named = {one.id: (one.name_zh, one.name_en) for one in pack.spend_offered(business_date=self.on)}
        named |= {one.id: (one.name_zh, one.name_en) for one in reversed(pack.products)}
        product_zh, product_en = named.get(plan.product_id, (plan.product_id, plan.product_id))
        return SourceLine(
            product_id=plan.product_id,
            product_zh=product_zh,
            product_en=product_en,
            plan_version=plan.version,
            place=place,
            source_id=source.id,
            kind=source.kind.value,
            name_zh=source.name_zh,
            name_en=source.name_en,
            shares=tuple(self._part(one.lender_id, one.ppm) for one in source.funding.shares),
            loans=total.loans,
            principal_fen=total.principal_fen,
            line=line,
            nearest=max(limits, key=lambda one: one.used_ppm),
            # Whatever is offered goes to the first source of its product first: a look ahead that is on the safe side.
            ahead=forecast(
                limit_fen=line.limit_fen,
                used_fen=line.used_fen,
                today=self.on,
                comes=_from_today(dues.get((plan.product_id, source.id), {}), self.on),
                goes={self.on: offered_fen} if place == 1 and offered_fen else {},
            ),
        )

    def _part(self, lender_id: UUID, ppm: int) -> SharePart:
        name_zh, name_en = self.names(lender_id)
        return SharePart(name_zh=name_zh, name_en=name_en, ppm=ppm)


def _from_today(weeks: Mapping[date, int], today: date) -> dict[date, int]:
    """Return what comes back by week, this week's at its end: the days of it that are over brought nothing of it."""
    return {max(week_on, today): fen for week_on, fen in weeks.items()}
