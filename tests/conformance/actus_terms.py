"""Translates the terms of published contracts into dated terms; what the engine does not have is named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from mingqu.domain.calendar import DayCount, Holidays, Period, PeriodUnit, Shift, add_periods, year_fraction
from mingqu.domain.money import Money, Rounding
from mingqu.domain.rate import Rate, RateOutOfRange, RateUnit
from mingqu.domain.schedule import (
    Cycle,
    DatedTerms,
    Due,
    PrincipalDue,
    RateChange,
    Rates,
    Redemption,
    Repricing,
    Stub,
    cycle_dates,
    due_on,
)
from tests.conformance.outcome import NotApplicableError

UNITS = 10**8
# Quotations are longer than a rate may be; the ninth decimal of a rate moves no cent of these contracts.
RATE_DECIMALS = Decimal("1E-9")
PPM = 10**6
TYPES = ("ANN", "LAM", "PAM", "CLM")
# Terms that are read below, and terms that say nothing by these values; any other makes a case not applicable.
READ = {
    *("contractType", "contractRole", "contractID", "contractDealDate", "currency", "statusDate"),
    *("notionalPrincipal", "initialExchangeDate", "maturityDate", "amortizationDate", "nominalInterestRate"),
    *("dayCountConvention", "calendar", "businessDayConvention", "endOfMonthConvention", "accruedInterest"),
    *("cycleAnchorDateOfInterestPayment", "cycleOfInterestPayment", "capitalizationEndDate"),
    *("cycleAnchorDateOfPrincipalRedemption", "cycleOfPrincipalRedemption", "nextPrincipalRedemptionPayment"),
    *("cycleAnchorDateOfRateReset", "cycleOfRateReset", "marketObjectCodeOfRateReset", "nextResetRate"),
    *("rateSpread", "rateMultiplier", "lifeFloor", "lifeCap", "periodFloor", "periodCap"),
    *("interestCalculationBase", "interestCalculationBaseAmount"),
    *("cycleAnchorDateOfInterestCalculationBase", "cycleOfInterestCalculationBase"),
    *("premiumDiscountAtIED", "purchaseDate", "priceAtPurchaseDate", "terminationDate", "priceAtTerminationDate"),
    # The series of observations is dated by the day of the reset, whatever the days of notice before it.
    *("xDayNotice", "fixingDays", "fixingPeriod"),
    # Who it is with, and what it is worth to others, moves no money here.
    *("counterpartyID", "creatorID", "legalEntityIDCounterparty", "marketObjectCode", "marketValueObserved"),
    *("seniority", "settlementCurrency", "contractStructure", "clearingHouse"),
}
SILENT = {
    "contractPerformance": ("PF",),
    "cyclePointOfInterestPayment": ("E",),
    "cyclePointOfRateReset": ("B",),
    "feeRate": ("0", "0.0"),
    "penaltyType": ("N", "O"),
    "prepaymentEffect": ("N",),
    "scalingEffect": ("OOO", "000"),
}
DAY_COUNTS = {
    "AA": DayCount.ACT_ACT_1_JANUARY,
    "A360": DayCount.ACT_360,
    "A365": DayCount.ACT_365,
    "30E360": DayCount.THIRTY_E_360,
}
SHIFTS = {
    "F": Shift.FOLLOWING,
    "MF": Shift.MODIFIED_FOLLOWING,
    "P": Shift.PRECEDING,
    "MP": Shift.MODIFIED_PRECEDING,
}
CYCLE_UNITS = {"D": (1, PeriodUnit.DAY), "W": (1, PeriodUnit.WEEK), "M": (1, PeriodUnit.MONTH)}
CYCLE_UNITS |= {"Q": (3, PeriodUnit.MONTH), "H": (6, PeriodUnit.MONTH), "Y": (12, PeriodUnit.MONTH)}


def refuse_unknown(case: dict[str, Any]) -> None:
    """Say what a case needs and the engine does not have. Errors: NotApplicableError."""
    terms = case["terms"]
    if case["type"] not in TYPES:
        raise NotApplicableError(f"contract {case['type']}")
    for name, value in terms.items():
        if name not in READ and str(value) not in SILENT.get(name, ()):
            raise NotApplicableError(f"term {name} {value}")
    if terms["dayCountConvention"] not in DAY_COUNTS:
        raise NotApplicableError(f"day count {terms['dayCountConvention']}")
    if terms["contractRole"] not in ("RPA", "RPL"):
        raise NotApplicableError(f"role {terms['contractRole']}")
    if terms.get("calendar", "NC") not in ("NC", "MF"):
        raise NotApplicableError(f"calendar {terms['calendar']}")
    for event in case.get("events_observed") or ():
        if case["type"] != "CLM" or event["type"] != "XD":
            raise NotApplicableError(f"observed event {event['type']}")


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment read twice: the date written, and the day it belongs to, for a day's last second begins the next."""

    written: date
    day: date


def moment(text: str) -> Moment:
    """Read a published moment."""
    read = date.fromisoformat(text[:10])
    return Moment(read, read + timedelta(days=1) if text[11:] == "23:59:59" else read)


def _units(value: Any) -> int:
    return int((Decimal(str(value)) * UNITS).to_integral_value())


def _rate(value: Any) -> Rate:
    numerator, denominator = Decimal(str(value)).quantize(RATE_DECIMALS).as_integer_ratio()
    try:
        return Rate(numerator=numerator, denominator=denominator, unit=RateUnit.YEAR)
    except RateOutOfRange as refusal:
        raise NotApplicableError(f"rate {value}: {refusal.message}") from None


def _period(text: str) -> Period:
    steps, unit = CYCLE_UNITS[text.partition("L")[0][-1]]
    return Period(every=int(text.partition("L")[0][1:-1]) * steps, unit=unit)


class Contract:
    """The published terms of one contract, in our words."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.case, self.terms, self.type = case, case["terms"], case["type"]
        self.sign = 1 if self.terms["contractRole"] == "RPA" else -1
        self.status, self.exchange = (
            moment(self.terms["statusDate"]).day,
            moment(self.terms["initialExchangeDate"]).day,
        )
        self.begins = self.exchange > self.status
        self.start = max(self.status, self.exchange)
        self.principal = _units(self.terms["notionalPrincipal"])
        self.rate = _rate(self.terms.get("nominalInterestRate", 0))
        self.day_count = DAY_COUNTS[self.terms["dayCountConvention"]]
        self.end = moment(self._end_text())
        self.new_rates: dict[date, Rate] = {}

    def at(self, name: str) -> Moment | None:
        return moment(self.terms[name]) if name in self.terms else None

    def dated(self) -> DatedTerms:
        """Return the terms as the engine takes them."""
        redeems = self.type in ("ANN", "LAM")
        capitalized_until = self._capitalized_until()
        part = self.terms.get("nextPrincipalRedemptionPayment")
        return DatedTerms(
            principal=Money(self.principal),
            start=self.start,
            end=self._end_due(),
            rates=self.rates(),
            day_count=self.day_count,
            interest_dues=self._dues(self.interest_dates()),
            principal_dues=tuple(PrincipalDue(due) for due in self._principal_dues()) if redeems else (),
            redemption=Redemption.PRINCIPAL if self.type == "LAM" else Redemption.INSTALMENT,
            instalment_fen=_units(part) if redeems and part is not None else None,
            capitalized_until=capitalized_until,
            base_days=self._base_days(),
            accrued=self._accrued(),
            rounding=Rounding.HALF_EVEN,
        )

    # Dates

    def cycle(self, kind: str) -> Cycle | None:
        """Return the cycle of interest, principal, rates or the base of interest; None if there is none."""
        anchor, text = self.terms.get(f"cycleAnchorDateOf{kind}"), self.terms.get(f"cycleOf{kind}")
        if anchor is None and text is None:
            return None
        if text is None:
            # One date: the next lies beyond every end.
            return Cycle(anchor=moment(anchor).day, period=Period(every=100 * 12))
        period = _period(text)
        first = self.exchange if anchor is None else moment(anchor).day
        return Cycle(
            anchor=add_periods(day=first, period=period, times=1) if anchor is None else first,
            period=period,
            stub=Stub.LONG if text.endswith("L0") else Stub.SHORT,
            month_end=self.terms.get("endOfMonthConvention") == "EOM",
        )

    def dates(self, kind: str, end: date | None = None) -> list[date]:
        cycle = self.cycle(kind)
        return [] if cycle is None else list(cycle_dates(cycle=cycle, end=end or self.end.written))

    def interest_dates(self) -> list[date]:
        """Return the dates of interest before the end, on whichever side of the start they lie."""
        dates = self.dates("InterestPayment")
        redemption = self.cycle("PrincipalRedemption")
        if self.type == "ANN" and redemption is not None:
            # An annuity's interest follows its own cycle until one period before the first instalment, then that one's.
            until = add_periods(day=redemption.anchor, period=redemption.period, times=-1)
            early = [*self.dates("InterestPayment", until), until]
            cycle = self.cycle("InterestPayment")
            dates = early if cycle is not None and cycle.anchor <= until else []
            dates += self.dates("PrincipalRedemption")
        capitalized = self.at("capitalizationEndDate")
        if capitalized is not None and capitalized.day < self.end.day:
            dates.append(capitalized.day)
        return sorted({*dates})

    def due(self, day: date) -> Due:
        convention = self.terms.get("businessDayConvention", "NOS")
        named = convention[2:] in SHIFTS and self.terms.get("calendar") == "MF"
        return due_on(
            day=day,
            shift=SHIFTS[convention[2:]] if named else Shift.NONE,
            holidays=Holidays(),
            shift_bears_interest=convention.startswith("SC"),
        )

    def _dues(self, dates: list[date]) -> tuple[Due, ...]:
        """Return the due dates that are not yet past at the start: of its day only those of a contract that begins."""
        end = self._end_due().counted
        dues = (self.due(day) for day in dates)
        return tuple(due for due in dues if due.counted < end and self._is_ahead(due.counted))

    def _is_ahead(self, day: date) -> bool:
        return day >= self.start if self.begins else day > self.start

    def _end_due(self) -> Due:
        due = self.due(self.end.day)
        # Money at call is paid back on the day it is called for; only its interest heeds business days.
        return Due(self.end.day, due.counted) if self.type == "CLM" else due

    def _principal_dues(self) -> tuple[Due, ...]:
        dates = self.dates("PrincipalRedemption")
        plan = self.at("amortizationDate")
        if plan is not None and plan.day > self.end.day:
            # The instalment is that of the longer plan; what is left at maturity is due then.
            later = [*self.dates("PrincipalRedemption", plan.written), plan.day]
            dates += [day for day in later if day >= self.end.day and day not in dates]
        dues = (self.due(day) for day in dates)
        return tuple(due for due in dues if self._is_ahead(due.counted))

    def _end_text(self) -> str:
        called = self._called()
        maturity = self.terms.get("maturityDate", self.terms.get("amortizationDate"))
        if called is not None and (maturity is None or called < moment(maturity).day):
            return str(called)
        if maturity is not None:
            return str(maturity)
        redemption = self.cycle("PrincipalRedemption")
        named = "cycleOfPrincipalRedemption" in self.terms and "nextPrincipalRedemptionPayment" in self.terms
        if redemption is None or not named:
            raise NotApplicableError("no end")
        return str(self._last_redemption(redemption))

    def _called(self) -> date | None:
        """Return the day on which money at call is to be back: the day of the call and the days of notice."""
        days = [moment(event["time"]).day for event in self.case.get("events_observed") or ()]
        if not days:
            return None
        notice = self.terms.get("xDayNotice", "P0D")
        return days[0] if notice.startswith("P0") else add_periods(day=days[0], period=_period(notice), times=1)

    def _last_redemption(self, redemption: Cycle) -> date:
        """Return the date of the cycle by which the agreed payment has repaid everything; the last may be smaller."""
        payment = _units(self.terms["nextPrincipalRedemptionPayment"])
        last_date = date(self.start.year + 100, 1, 1)
        ahead = [day for day in cycle_dates(cycle=redemption, end=last_date) if self._is_ahead(day)]
        if self.type == "ANN":
            numerator, denominator = year_fraction(start=ahead[0], end=ahead[1], day_count=self.day_count)
            payment -= self.principal * self.rate.numerator * numerator // (self.rate.denominator * denominator)
        if payment <= 0:
            raise NotApplicableError("a debt that grows")
        count = -(-self.principal // payment)
        if count > len(ahead):
            raise NotApplicableError("no end within a century")
        return ahead[count - 1]

    # Rates and interest

    def rates(self) -> Rates:
        code = self.terms.get("marketObjectCodeOfRateReset")
        series = {moment(day).day: value for day, value in ((self.case.get("observed") or {}).get(code) or ())}
        changes: list[RateChange] = []
        before, repricing, fixed = self.rate, self._repricing(), self.terms.get("nextResetRate")
        for day in self.dates("RateReset"):
            due = self.due(day)
            if not self._is_ahead(due.counted):
                continue
            if fixed is not None:
                rate, fixed = _rate(fixed), None
            else:
                known = [other for other in series if other <= day]
                if not known:
                    raise NotApplicableError(f"no rate observed on {day}")
                try:
                    rate = repricing.rate(reference=_rate(series[max(known)]), before=before)
                except RateOutOfRange as refusal:
                    raise NotApplicableError(f"rate of {day}: {refusal.message}") from None
            changes.append(RateChange(day=due.counted, rate=rate))
            self.new_rates[due.day] = rate
            before = rate
        return Rates(first=self.rate, changes=tuple(changes))

    def _repricing(self) -> Repricing:
        def ppm(name: str) -> int | None:
            if name not in self.terms:
                return None
            value = Decimal(str(self.terms[name])) * PPM
            if value != value.to_integral_value():
                raise NotApplicableError(f"term {name} {self.terms[name]}")
            return int(value)

        fall, rise = ppm("periodFloor"), ppm("periodCap")
        if (fall or 0) > 0 or (rise or 0) < 0:
            raise NotApplicableError("a rate that must move")
        return Repricing(
            spread_ppm=ppm("rateSpread") or 0,
            multiplier=Decimal(str(self.terms.get("rateMultiplier", 1))).as_integer_ratio(),
            floor_ppm=ppm("lifeFloor"),
            cap_ppm=ppm("lifeCap"),
            fall_ppm_max=None if fall is None else -fall,
            rise_ppm_max=rise,
        )

    def _capitalized_until(self) -> date | None:
        if self.type == "CLM":
            return self.end.day
        until = self.at("capitalizationEndDate")
        return None if until is None else self.due(until.day).counted

    def _base_days(self) -> tuple[date, ...] | None:
        # In the published results of NTIED the base follows what is owed as it does in NT, so only NTL lags.
        if self.terms.get("interestCalculationBase", "NT") != "NTL":
            return None
        if _units(self.terms.get("interestCalculationBaseAmount", self.terms["notionalPrincipal"])) != self.principal:
            raise NotApplicableError("interest on an amount that is not owed")
        days = (self.due(day).counted for day in self.dates("InterestCalculationBase"))
        return tuple(day for day in days if self._is_ahead(day))

    def _accrued(self) -> tuple[int, int]:
        if "accruedInterest" in self.terms:
            return self._accrued_as_told()
        if self.begins:
            anchor = self.at("cycleAnchorDateOfInterestPayment")
            before = [anchor.day] if anchor is not None and anchor.day < self.start else []
        else:
            before = [day for day in self.interest_dates() if day < self.start] if self.type != "CLM" else []
        if not before:
            return (0, 1)
        numerator, denominator = year_fraction(start=before[-1], end=self.start, day_count=self.day_count)
        return self.principal * self.rate.numerator * numerator, self.rate.denominator * denominator

    def _accrued_as_told(self) -> tuple[int, int]:
        accrued = _units(self.terms["accruedInterest"])
        purchase = self.at("purchaseDate")
        if purchase is not None and any(self.start < day <= purchase.day for day in self.interest_dates()):
            return (0, 1)  # settled with interest that fell due before the purchase, where the comparison begins
        if accrued < 0:
            raise NotApplicableError("interest of the days to come, paid before the start")
        return accrued, 1
