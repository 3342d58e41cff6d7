"""A card-issuing bank to whose own pages people come for cash out of their credit card.

docs/reference/lender-gateway.md, "Card cash advance". It alone decides: limit, fee, rate and contract stand on its
pages. The calls' names for the fault knobs are "issuer.refer" and "issuer.ask".
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature

from mingqu.sandbox.book import Book, Row
from mingqu.sandbox.faults import Faults
from mingqu.sandbox.gateway import Door, amount, currency, number32, read_body, text
from mingqu.sandbox.party import NOT_FOUND, NUMBER_TAKEN, Party, Route, route
from mingqu.sandbox.time import Time, read, utc
from mingqu.sandbox.wire import Call, Reply, json_reply

PAGE_LASTS: Final = timedelta(days=1)
TOKEN_LASTS_SECONDS: Final = 900
TOKEN_PREFIX: Final = b"mingqu-token-1."
LIMIT_FEN: Final = 2_000_000  # of cash, for a holder of whom nothing else was said
DAY_FEN_MAX: Final = 1_000_000  # 银发〔2016〕111号
INSTALMENT_FEN_MAX: Final = 5_000_000  # 银保监规〔2022〕13号
INSTALMENT_MONTHS_MAX: Final = 24
FEE_PPM, FEE_FEN_MIN = 10_000, 1_000  # one in a hundred, ten yuan at least
INTEREST_DAY_PPM: Final = 500  # 0.05 % a day from the first day
FINAL: Final = ("paid", "refused", "lapsed")


class Issuer(Party):
    """Takes referrals, hosts the pages, pays out to the holder's own debit card, and tells how far it came."""

    address = ""
    deposit: Callable[[str, int], None]  # to a card, in fen: the money of the bank's own card holder
    processing_seconds = 0  # between the application and the money

    def __init__(self, *, book: Book, time: Time, door: Door, faults: Faults) -> None:
        super().__init__(book=book, time=time, door=door, faults=faults)
        self.own = door  # its keys sign what the browser takes back as well

    def routes(self) -> tuple[Route, ...]:
        """Return the paths of the protocol."""
        base = "/card/v1/cash-advances"
        return (
            route("POST", base, "issuer.refer", self._refer, self._refuse),
            route("GET", f"{base}/{{number}}", "issuer.ask", self._ask),
        )

    def set_limit(self, *, id_number: str, limit_fen: int) -> None:
        """Let somebody have a cash limit; none with zero."""
        with self.book.writing():
            self.book.write(
                "INSERT OR REPLACE INTO issuer_line (id_number, limit_fen) VALUES (?, ?)", (id_number, limit_fen)
            )

    def limit_fen(self, *, id_number: str) -> int:
        """Return how much cash somebody may take."""
        row = self.book.row("SELECT limit_fen FROM issuer_line WHERE id_number = ?", (id_number,))
        return LIMIT_FEN if row is None else int(row["limit_fen"])

    def referral(self, number: str) -> Row | None:
        """Return a referral as it stands now; an open one whose page has ended has lapsed."""
        row = self.book.row("SELECT * FROM issuer_referral WHERE referral_number = ?", (number,))
        if row is not None and row["state"] not in FINAL and read(row["made_at"]) + PAGE_LASTS <= self.time.now():
            row["state"] = "lapsed"
        if row is not None and row["state"] == "paid" and read(row["ended_at"]) > self.time.now():
            row["state"] = "applied"  # decided, and on its way
        return row

    def visit(self, number: str) -> None:
        """Note that the person came."""
        with self.book.writing():
            self.book.write(
                "UPDATE issuer_referral SET state = 'visited' WHERE referral_number = ? AND state = 'referred'",
                (number,),
            )

    def decide(self, *, number: str, amount_fen: int) -> Row:
        """Decide about an application on the bank's page, and pay out at once or refuse; said again it stays."""
        with self.book.writing():
            row = self.referral(number)
            assert row is not None, "a page is that of a referral"
            if row["state"] in FINAL or row["paid_fen"] is not None:
                return row
            code = self._why_not(row, amount_fen)
            if code is None:
                self.deposit(row["debit_card"], amount_fen)
                arrives_at = self.time.now() + timedelta(seconds=self.processing_seconds)
                changes: tuple[object, ...] = ("paid", amount_fen, None, utc(arrives_at), number)
            else:
                changes = ("refused", None, code, utc(self.time.now()), number)
            self.book.write(
                "UPDATE issuer_referral SET state = ?, paid_fen = ?, code = ?, ended_at = ? WHERE referral_number = ?",
                changes,
            )
            ended = self.referral(number)
            assert ended is not None
            return ended

    def decline(self, *, number: str) -> None:
        """Let the person leave the page without applying."""
        with self.book.writing():
            self.book.write(
                f"""UPDATE issuer_referral SET state = 'lapsed', ended_at = ?
                    WHERE referral_number = ? AND state NOT IN {FINAL!r}""",  # noqa: S608 (our own words)
                (utc(self.time.now()), number),
            )

    def fee_fen(self, amount_fen: int) -> int:
        """Return the bank's fee, cut up to the fen. Example: 5,000.00 yuan cost 50.00."""
        return max(FEE_FEN_MIN, -(-amount_fen * FEE_PPM // 1_000_000))

    def came(self, *, token: str, number: str) -> bool:
        """Return whether a token is the house's word, of now, that the person of this referral comes."""
        said = self._read_token(token)
        return said is not None and said.get("referral_number") == number

    def result(self, number: str) -> str:
        """Return the bank's signed word that the browser takes back."""
        row = self.referral(number)
        assert row is not None
        now = int(self.time.now().timestamp())
        said = {
            "keyid": self.own.signer.key_id,
            "created": now,
            "expires": now + TOKEN_LASTS_SECONDS,
            **_standing(row),
        }
        payload = _text(json.dumps(said, separators=(",", ":")).encode())
        return f"{payload}.{_text(self.own.signer.private_key.sign(TOKEN_PREFIX + payload.encode()))}"

    def _read_token(self, token: str) -> dict[str, Any] | None:
        payload, _, signature = token.partition(".")
        try:
            said = json.loads(_bytes(payload))
            key = self.own.caller(said["keyid"])
            if key is None:
                return None
            key.verify(_bytes(signature), TOKEN_PREFIX + payload.encode())
        except (ValueError, KeyError, TypeError, InvalidSignature):
            return None
        return said if said["expires"] > self.time.now().timestamp() >= said["created"] - 300 else None

    def _refer(self, call: Call) -> Reply:
        asked = read_body(call, _FIELDS)
        body = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        known = self.referral(asked["referral_number"])
        if known is not None and known["body"] != body:
            return NUMBER_TAKEN
        if known is None:
            card = self.book.row("SELECT * FROM card WHERE number = ?", (asked["debit_card"],))
            own = card is not None and (card["holder_name"], card["id_number"]) == (asked["name"], asked["id_number"])
            known = self._insert(asked, body, code=None if own else "holder_mismatch")
        if known["state"] == "refused" and known["address"] == "":
            return json_reply({"state": "refused", "code": known["code"]})
        return json_reply({"state": "open", "address": known["address"]})

    def _refuse(self, call: Call) -> Reply:
        asked = read_body(call, _FIELDS)
        body = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        known = self.referral(asked["referral_number"]) or self._insert(asked, body, code="refused_by_bank")
        return json_reply({"state": "refused", "code": known["code"] or "refused_by_bank"})

    def _insert(self, asked: dict[str, Any], body: str, *, code: str | None) -> Row:
        number = asked["referral_number"]
        self.book.write(
            """INSERT INTO issuer_referral (referral_number, body, bank, id_number, name, debit_card, amount_fen,
                   repayment, months, back, address, state, code, made_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                number, body, asked["bank"], asked["id_number"], asked["name"], asked["debit_card"],
                asked["amount_fen"], asked["repayment"], asked["months"], asked["back"],
                "" if code else f"{self.address}/apply/{number}", "refused" if code else "referred", code,
                utc(self.time.now()),
            ),
        )  # fmt: skip
        made = self.referral(number)
        assert made is not None
        return made

    def _ask(self, _: Call, number: str) -> Reply:
        row = self.referral(number)
        return NOT_FOUND if row is None else json_reply(_standing(row))

    def _why_not(self, row: Row, amount_fen: int) -> str | None:
        """Return why the bank does not pay this out, or None."""
        if not 0 < amount_fen <= row["amount_fen"]:
            return "amount_wrong"
        if row["repayment"] == "instalments":
            if amount_fen > INSTALMENT_FEN_MAX or row["months"] > INSTALMENT_MONTHS_MAX:
                return "instalment_limit"
        elif self._paid_today_fen(row) + amount_fen > DAY_FEN_MAX:
            return "day_limit"
        taken = self.book.row(
            "SELECT coalesce(sum(paid_fen), 0) AS fen FROM issuer_referral WHERE id_number = ?", (row["id_number"],)
        )
        assert taken is not None
        return None if taken["fen"] + amount_fen <= self.limit_fen(id_number=row["id_number"]) else "limit_exceeded"

    def _paid_today_fen(self, row: Row) -> int:
        today = self.time.now() - timedelta(hours=24)
        found = self.book.row(
            """SELECT coalesce(sum(paid_fen), 0) AS fen FROM issuer_referral
               WHERE id_number = ? AND bank = ? AND repayment = 'single' AND ended_at > ?""",
            (row["id_number"], row["bank"], utc(today)),
        )
        assert found is not None
        return int(found["fen"])


def _standing(row: Row) -> dict[str, Any]:
    said = {"referral_number": row["referral_number"], "state": row["state"]}
    if row["state"] == "paid":
        said["amount_fen"] = row["paid_fen"]
    if row["state"] == "refused":
        said["code"] = row["code"]
    return said


def _repayment(value: Any) -> bool:
    return value in ("single", "instalments")


def _months(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 360


def _address(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 512 and urlsplit(value).scheme in ("http", "https")


def _name(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[a-z0-9_-]{1,64}", value) is not None


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


_FIELDS: Final = {
    "referral_number": number32, "bank": _name, "amount_fen": amount, "currency": currency, "repayment": _repayment,
    "months": _months, "consent_id": text, "name": text, "id_number": text, "phone": text, "debit_card": text,
    "back": _address,
}  # fmt: skip
