"""A lender that decides by itself: assesses, prices, signs, funds, takes back, hears. A reference to build against.

docs/reference/lender-gateway.md, "Lender". The calls' names for the fault knobs begin with "lender."; besides the
faults of every party its temper is a knob: whether it offers, refuses, takes its time or talks nonsense, at which
price, and whether that price still stands when it is to sign.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta
from typing import Any, Final

from mingqu.sandbox.gateway import amount, currency, number32, read_body, text
from mingqu.sandbox.party import NOT_FOUND, NUMBER_TAKEN, Party, Route, route
from mingqu.sandbox.time import read, utc
from mingqu.sandbox.wire import Call, Reply, json_reply

TEMPERS: Final = ("offer", "refuse", "later", "garbage")
PRICE_LASTS: Final = timedelta(days=3)
RATE_YEAR_PPM: Final = 108_000
RATE_YEAR_PPM_MAX: Final = 1_000_000
_REASON: Final = {
    "code": "income_not_enough",
    "text_zh": "按本机构的标准，收入不足以覆盖每期还款。",
    "text_en": "By our standard the income does not cover each payment.",
    "remedy_zh": "减少金额或延长期限后可重新申请。",
    "remedy_en": "Ask for less, or for longer, and apply again.",
}


class Lender(Party):
    """Answers applications; each number is answered as the first time, also when its temper has changed since."""

    temper = "offer"
    rate_year_ppm = RATE_YEAR_PPM
    rise_at_signing_ppm = 0  # by how much the price has risen when it is to sign, once for each application

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of the protocol."""
        base = "/lender/v1"
        return (
            route("POST", f"{base}/applications", "lender.assess", self._assess, self._refuse),
            route("GET", f"{base}/applications/{{number}}", "lender.ask", self._ask),
            route("POST", f"{base}/signatures", "lender.sign", self._sign),
            route("POST", f"{base}/fundings", "lender.fund", self._fund),
            route("POST", f"{base}/returns", "lender.take_back", self._take_back),
            route("POST", f"{base}/reports", "lender.report", self._report),
        )

    def set_temper(
        self, *, answers: str = "offer", rate_year_ppm: int = RATE_YEAR_PPM, rise_at_signing_ppm: int = 0
    ) -> None:
        """Say how it answers from now on; who was told "later" is answered by it as well. Errors: ValueError."""
        if answers not in TEMPERS or not 0 < rate_year_ppm <= RATE_YEAR_PPM_MAX:
            raise ValueError(f"answers is one of {', '.join(TEMPERS)}, a rate 1 to {RATE_YEAR_PPM_MAX} ppm")
        self.temper, self.rate_year_ppm, self.rise_at_signing_ppm = answers, rate_year_ppm, rise_at_signing_ppm

    def funded_fen(self) -> int:
        """Return what was funded so far: the truth to compare with."""
        row = self.book.row("SELECT coalesce(sum(amount_fen), 0) AS fen FROM lender_act WHERE kind = 'funding'")
        assert row is not None
        return int(row["fen"])

    def reports(self) -> list[dict[str, Any]]:
        """Return what was reported to it, in order."""
        rows = self.book.rows("SELECT body FROM lender_act WHERE kind = 'report' ORDER BY rowid")
        return [json.loads(row["body"]) for row in rows]

    def _assess(self, call: Call) -> Reply:
        return self._answer(read_body(call, _APPLICATION), self.temper)

    def _refuse(self, call: Call) -> Reply:
        return self._answer(read_body(call, _APPLICATION), "refuse")

    def _answer(self, asked: dict[str, Any], temper: str) -> Reply:
        number, body = asked["application_number"], _digest(asked)
        known = self.book.row("SELECT * FROM lender_application WHERE application_number = ?", (number,))
        if known is not None and known["body"] != body:
            return NUMBER_TAKEN
        if known is None:
            said = self._said(number, temper)
            self.book.write(
                "INSERT INTO lender_application (application_number, body, amount_fen, answer) VALUES (?, ?, ?, ?)",
                (number, body, asked["amount_fen"], json.dumps(said)),
            )
        return self._ask(Call(method="GET", path=""), number)

    def _ask(self, _: Call, number: str) -> Reply:
        known = self.book.row("SELECT * FROM lender_application WHERE application_number = ?", (number,))
        if known is None:
            return NOT_FOUND
        said = json.loads(known["answer"])
        if said.get("state") == "later" and self.temper != "later":
            said = self._said(number, self.temper)
            self._change(number, said)
        return json_reply(said)

    def _change(self, number: str, said: dict[str, Any]) -> None:
        self.book.write(
            "UPDATE lender_application SET answer = ? WHERE application_number = ?", (json.dumps(said), number)
        )

    def _said(self, number: str, temper: str) -> dict[str, Any]:
        match temper:
            case "offer":
                return {"application_number": number, "state": "offer", "offer": self._offer(self.rate_year_ppm)}
            case "refuse":
                return {"application_number": number, "state": "refused", "reasons": [_REASON]}
            case "later":
                return {"application_number": number, "state": "later"}
            case _:
                return {"application_number": number, "state": "offer", "offer": {"rate": "ten per cent, friend"}}

    def _offer(self, rate_year_ppm: int) -> dict[str, Any]:
        return {"rate_year_ppm": rate_year_ppm, "valid_until": utc(self.time.now() + PRICE_LASTS)}

    def _sign(self, call: Call) -> Reply:
        asked = read_body(call, _SIGNATURE)
        known = self._known(asked["signature_number"], asked)
        if known is not None:
            return known
        application = self._application(asked)
        if application is None:
            return NOT_FOUND
        said = json.loads(application["answer"])
        offer = said.get("offer", {})
        if said.get("state") != "offer" or asked["amount_fen"] != application["amount_fen"]:
            return self._kept(asked, "signature", {"state": "refused", "code": "not_offered"})
        if self.rise_at_signing_ppm:
            offer = self._offer(offer["rate_year_ppm"] + self.rise_at_signing_ppm)
            self.rise_at_signing_ppm = 0
            self._change(asked["application_number"], {**said, "offer": offer})
        over = read(offer["valid_until"]) <= self.time.now()
        if over or asked["rate_year_ppm"] != offer["rate_year_ppm"]:
            fresh = self._offer(offer["rate_year_ppm"])
            self._change(asked["application_number"], {**said, "offer": fresh})
            return self._kept(asked, "signature", {"state": "price_changed", "offer": fresh})
        reference = f"S{asked['signature_number'][:12]}"
        return self._kept(asked, "signature", {"state": "confirmed", "reference": reference})

    def _fund(self, call: Call) -> Reply:
        asked = read_body(call, _FUNDING)
        known = self._known(asked["funding_number"], asked)
        if known is not None:
            return known
        if self._called_off(asked["funding_number"]):
            return json_reply({"state": "refused", "code": "called_off"})
        signed = self.book.row(
            "SELECT * FROM lender_act WHERE number = ? AND kind = 'signature'", (asked["signature_number"],)
        )
        if signed is None or json.loads(signed["answer"])["state"] != "confirmed":
            return json_reply({"state": "refused", "code": "not_signed"})
        if signed["amount_fen"] != asked["amount_fen"]:
            return json_reply({"state": "refused", "code": "amount_wrong"})
        asked = {**asked, "application_number": signed["application_number"]}
        return self._kept(asked, "funding", {"state": "funded", "reference": f"F{asked['funding_number'][:12]}"})

    def _take_back(self, call: Call) -> Reply:
        asked = read_body(call, _RETURN)
        known = self._known(asked["return_number"], asked)
        if known is not None:
            return known
        funded = self.book.row(
            "SELECT * FROM lender_act WHERE number = ? AND kind = 'funding'", (asked["funding_number"],)
        )
        if funded is None:  # kept, so that a funding that comes later is refused
            nothing = {**asked, "application_number": "", "amount_fen": 0}
            return self._kept(nothing, "return", {"state": "nothing"})
        if funded["amount_fen"] != asked["amount_fen"]:
            return NUMBER_TAKEN
        asked = {**asked, "application_number": funded["application_number"]}
        return self._kept(asked, "return", {"state": "returned", "reference": f"R{asked['return_number'][:12]}"})

    def _called_off(self, funding_number: str) -> bool:
        return (
            self.book.row(
                "SELECT * FROM lender_act WHERE kind = 'return' AND json_extract(body, '$.funding_number') = ?",
                (funding_number,),
            )
            is not None
        )

    def _report(self, call: Call) -> Reply:
        asked = read_body(call, _REPORT)
        known = self._known(asked["report_number"], asked)
        return known or self._kept(asked, "report", {"state": "taken"})

    def _application(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        return self.book.row(
            "SELECT * FROM lender_application WHERE application_number = ?", (asked["application_number"],)
        )

    def _known(self, number: str, asked: dict[str, Any]) -> Reply | None:
        """Return what a number was answered before, or None when it is new."""
        row = self.book.row("SELECT * FROM lender_act WHERE number = ?", (number,))
        if row is None:
            return None
        before = {name: value for name, value in json.loads(row["body"]).items() if name in asked}
        return json_reply(json.loads(row["answer"])) if before == asked else NUMBER_TAKEN

    def _kept(self, asked: dict[str, Any], kind: str, answer: dict[str, Any]) -> Reply:
        number = asked[f"{kind}_number"]
        self.book.write(
            """INSERT INTO lender_act (number, kind, body, application_number, amount_fen, answer)
               VALUES (?, ?, ?, ?, ?, ?)""",
            (number, kind, json.dumps(asked), asked["application_number"], asked["amount_fen"], json.dumps(answer)),
        )
        return json_reply(answer)


def _digest(asked: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def _name(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[a-z0-9_-]{1,64}", value) is not None


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**15


def _digest64(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def _score(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_APPLICATION: Final = {
    "application_number": number32, "lender": _name, "product": _name, "amount_fen": amount, "currency": currency,
    "instalments": _count, "method": _name, "consent_id": text, "name": text, "id_number": text, "phone": text,
    "score": _score, "band": text,
}  # fmt: skip
_SIGNATURE: Final = {
    "signature_number": number32, "application_number": number32, "amount_fen": amount, "currency": currency,
    "rate_year_ppm": _count, "terms_hash": _digest64,
}  # fmt: skip
_FUNDING: Final = {
    "funding_number": number32, "signature_number": number32, "amount_fen": amount, "currency": currency,
}  # fmt: skip
_RETURN: Final = {
    "return_number": number32, "funding_number": number32, "amount_fen": amount, "currency": currency,
}  # fmt: skip
_REPORT: Final = {
    "report_number": number32, "application_number": number32, "amount_fen": amount, "currency": currency,
    "on": text, "event": _name,
}  # fmt: skip
