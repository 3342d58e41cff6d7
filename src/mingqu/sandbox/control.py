"""The knobs of a sandbox: time, people, faults, money on cards, the truth to compare with. In process, and as JSON.

docs/reference/sandbox.md lists the paths. They are unsigned and meant for this machine alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from mingqu.sandbox import page
from mingqu.sandbox.alipay import Alipay
from mingqu.sandbox.bank import Bank
from mingqu.sandbox.bureau import Bureau
from mingqu.sandbox.control_names import CALLS, TABLES
from mingqu.sandbox.data_provider import DataProvider
from mingqu.sandbox.faults import Fault, Faults
from mingqu.sandbox.identity import Identity
from mingqu.sandbox.issuer import Issuer
from mingqu.sandbox.issuer_pages import IssuerPages
from mingqu.sandbox.lender import Lender
from mingqu.sandbox.notices import Notices
from mingqu.sandbox.shop import Shop
from mingqu.sandbox.shop_pages import ShopPages
from mingqu.sandbox.sms import Inbox, Sms
from mingqu.sandbox.time import Time, read, utc
from mingqu.sandbox.wechat import Wechat
from mingqu.sandbox.wechatpay import WechatPay
from mingqu.sandbox.wire import Call, Reply, json_reply, page_reply, redirect

PREFIX: Final = "/_sandbox"
TIMES_MAX: Final = 1_000
Act = Callable[[dict[str, Any]], object]


class Control:
    """What whoever runs the sandbox can do with it. Every method can be called while requests come in."""

    def __init__(
        self,
        *,
        time: Time,
        bank: Bank,
        bureau: Bureau,
        wechat: Wechat,
        wechatpay: WechatPay,
        alipay: Alipay,
        identity: Identity,
        sms: Sms,
        inbox: Inbox,
        data_provider: DataProvider,
        notices: Notices,
        faults: Mapping[str, Faults],
        issuer: Issuer,
        lender: Lender,
        shop: Shop,
    ) -> None:
        self.time, self.bank, self.bureau, self.wechat, self.wechatpay = time, bank, bureau, wechat, wechatpay
        self.alipay, self.identity, self.sms, self.inbox = alipay, identity, sms, inbox
        self.notices, self.faults, self.data_provider = notices, faults, data_provider
        self.issuer, self.lender, self._issuer_pages = issuer, lender, IssuerPages(issuer)
        self.shop, self._shop_pages = shop, ShopPages(shop)
        self.rekeyed: Callable[[], None] = lambda: None  # what the house is told changes with the keys

    def meet(
        self,
        *,
        name: str,
        id_number: str,
        phone: str,
        card_number: str,
        balance_fen: int = 0,
        features: Mapping[str, int] | None = None,
        openid: str | None = None,
        data: Mapping[str, int] | None = None,
    ) -> None:
        """Let a person exist: a card at the bank, four elements that belong together, a bureau record, data, wallets.

        Their Alipay account holds as much as their card at first; its user id ends in their phone number.
        """
        self.bank.open_card(
            number=card_number, holder_name=name, id_number=id_number, phone=phone, balance_fen=balance_fen
        )
        if features is not None:
            self.bureau.know(id_number=id_number, features=features)
        self.alipay.trades.open_account(
            user_id=f"20880{phone[-11:]:>011}", name=name, logon_id=phone, balance_fen=balance_fen
        )
        if data is not None:
            self.data_provider.know(phone=phone, features=data)
        if openid is not None:
            self.wechat.know(openid=openid, nickname=name)
            self.wechatpay.contracts.wallets.know(openid=openid, id_number=id_number, balance_fen=None)

    def plan(self, party: str, call: str, fault: str, *, times: int = 1, seconds: float | None = None) -> None:
        """Let the next calls of a name meet a fault; `seconds` are for a slow answer or a late request.

        Errors: ValueError for a call or fault that does not exist, KeyError for such a party.
        """
        faults = self.faults[party]
        if call != "*" and call not in CALLS[party]:
            raise ValueError(f"a call of {party} is one of {', '.join(CALLS[party])}, or *")
        if not 1 <= times <= TIMES_MAX:
            raise ValueError(f"times is 1 to {TIMES_MAX}")
        faults.plan(call, Fault(fault), times=times, seconds=seconds)

    def misbehave(self, party: str, rates: Mapping[str, int]) -> None:
        """Let chance decide at a party from now on; rates in a million, by fault."""
        self.faults[party].misbehave({Fault(name): rate for name, rate in rates.items()})

    def heal(self) -> None:
        """Let everybody misbehave no more."""
        for each in self.faults.values():
            each.heal()

    def deliver_late(self) -> int:
        """Let every request that was held up arrive now, and return how many there were."""
        return sum(each.deliver_late() for each in self.faults.values())

    def deliver_due(self) -> None:
        """Let late requests arrive whose time has come."""
        for each in self.faults.values():
            each.deliver_due(now=self.time.now())

    def send_notices_to(self, party: str, url: str) -> None:
        """Set where the bank's notices go from now on. Errors: ValueError."""
        if party != "bank":
            raise ValueError(
                "the bank has one address; WeChat Pay tells each order's notify_url, and nobody else tells"
            )
        if not url.startswith(("http://", "https://")):
            raise ValueError("an address begins with http:// or https://")
        self.notices.send_to(party, url)

    def rotate(self, *, mode: str | None = None, key_id: str | None = None) -> None:
        """Let WeChat Pay sign with a new key, of a mode; the one before stays valid. Errors: ValueError."""
        self.wechatpay.merchant.rotate(now=self.time.now(), mode=mode, key_id=key_id)
        self.rekeyed()

    def end_rotation(self) -> None:
        """Let the newest key of WeChat Pay's alone be valid."""
        self.wechatpay.merchant.end_rotation()
        self.rekeyed()

    def set_key_mode(self, mode: str) -> None:
        """Let WeChat Pay sign with a new key, "public_key" or "certificate", and no other. Errors: ValueError."""
        self.wechatpay.merchant.set_mode(now=self.time.now(), mode=mode)
        self.rekeyed()

    def rotate_alipay(self, *, ends: datetime | None = None) -> None:
        """Let Alipay sign with a new key; its certificate ends at a moment, if one is named."""
        self.alipay.application.rotate(ends=ends)
        self.rekeyed()

    def end_alipay_rotation(self) -> None:
        """Let the newest key of Alipay's alone be known."""
        self.alipay.application.end_rotation()
        self.rekeyed()

    def moved(self) -> dict[str, int]:
        """Return the amount in fen, by order number, of everything that bank and wallets moved."""
        return {**self.bank.moved(), **self.wechatpay.moved(), **self.alipay.moved()}

    def answer(self, party: str, call: Call) -> Reply | None:
        """Return the answer to a request at a party's own pages and knobs, or None when it is none of those."""
        if call.path == page.STYLE_PATH:
            return Reply(headers={"content-type": "text/css"}, body=page.style().encode())
        if call.path.startswith(PREFIX):
            return self._knob(party, call) if _is_local(call) else json_reply({"code": "not_local"}, status=403)
        paying = None
        if party == "wechatpay":
            paying = self.wechatpay.cashier.answer(call) or self.wechatpay.signing.answer(call)
        if party == "alipay":
            paying = self.alipay.pages.answer(call)
        if party == "issuer":
            paying = self._issuer_pages.answer(call)
        if party == "shop":
            paying = self._shop_pages.answer(call)
        if paying is not None:
            return paying
        if party == "wechat" and call.path == "/connect/oauth2/authorize":
            return self._authorize(call)
        if party == "bank" and call.path.startswith("/pay/"):
            return self._pay_at_bank(call)
        if party == "sms" and call.path == "/" and call.method == "GET":
            return page_reply(page.inbox(self.inbox.messages()))
        return redirect(PREFIX) if call.path == "/" and call.method == "GET" else None

    def _knob(self, party: str, call: Call) -> Reply:
        name = call.path.removeprefix(PREFIX).strip("/")
        if call.method == "GET":
            return self._shown(party, name, call)
        # A program's JSON counts as such under whatever type it comes: curl -d calls everything a form.
        by_form = "form" in call.headers.get("content-type", "") and not call.body.lstrip().startswith(b"{")
        try:
            asked = dict(parse_qsl(call.body.decode())) if by_form else json.loads(call.body or b"{}")
            if not isinstance(asked, dict):
                raise TypeError("the body is not an object")
            if name == "do":  # any of them, from the page
                name, asked = asked["knob"], json.loads(asked["json"])
            said = self._acts(party)[name](asked)
        except KeyError as missing:
            return json_reply({"code": "malformed", "detail": f"{missing.args[0]} is missing or unknown"}, status=400)
        except (ValueError, TypeError) as wrong:
            return json_reply({"code": "malformed", "detail": str(wrong)}, status=400)
        return redirect(PREFIX) if by_form else json_reply(said if said is not None else {"done": True})

    def _acts(self, party: str) -> dict[str, Act]:
        """What a POST can do. A clock is set by {"now": moment} and let go by {"now": null}."""
        return {
            "clock": lambda asked: self.time.set(read(asked["now"]) if asked["now"] else None),
            "faults": lambda asked: (
                self.misbehave(party, asked["rates"]) if "rates" in asked else self._plan(party, asked)
            ),
            "heal": lambda _: self.heal(),
            "deliver-late": lambda _: {"delivered": self.deliver_late()},
            "people": lambda asked: self.meet(**asked),
            "deposit": lambda asked: self.bank.deposit(
                number=asked["card_number"], amount_fen=int(asked["amount_fen"])
            ),
            "pay": lambda asked: {"said": self._pay(party, asked)},
            "notices": lambda asked: self._set_notices(party, asked),
            "record": lambda asked: self.bureau.change(id_number=asked["id_number"], changes=asked["changes"]),
            "card": lambda asked: self.identity.know(**asked),
            "business": lambda asked: self.identity.know_business(**asked),
            "phone": lambda asked: self.sms.block(**asked),
            "templates": lambda asked: self.sms.know_templates(asked["templates"]),
            "wechat": lambda asked: self.wechat.know(**asked),
            "accept": lambda asked: self.wechat.accept(**asked),
            "code": lambda asked: {"code": self.wechat.new_code(openid=asked["openid"])},
            "refunds": lambda asked: self.wechatpay.refunds.set_seconds(int(asked["seconds"])),
            "rotate": lambda asked: (
                self.rotate_alipay()
                if party == "alipay"
                else self.rotate(mode=asked.get("mode"), key_id=asked.get("key_id"))
            ),
            "end-rotation": lambda _: self.end_alipay_rotation() if party == "alipay" else self.end_rotation(),
            "key-mode": lambda asked: self.set_key_mode(asked["mode"]),
            "alipay-account": lambda asked: self.alipay.trades.open_account(**asked),
            "alipay-deposit": lambda asked: self.alipay.trades.deposit(**asked),
            "sign": lambda asked: {"said": self._sign(party, asked)},
            "unsign": lambda asked: self._unsign(party, asked["agreement_number"]),
            "wallet": lambda asked: self.wechatpay.contracts.wallets.know(**asked),
            "deductions": lambda asked: self.wechatpay.contracts.set_seconds(int(asked["seconds"])),
            "need-schedule": lambda asked: self.wechatpay.repayments.need_schedule(bool(asked["needed"])),
            "combine-fail": lambda asked: self.wechatpay.combined.fail(asked["order_number"]),
            "transfers": lambda asked: self.alipay.transfers.set_seconds(int(asked["seconds"])),
            "bill-flaw": lambda asked: (self.wechatpay.bills if party == "wechatpay" else self.alipay.bills).spoil(
                asked["flaw"]
            ),
            "fee": lambda asked: self.wechatpay.bills.set_fee(int(asked["ppm"])),
            "return": lambda asked: {"returned": self.bank.return_payout(order_number=asked["order_number"])},
            "issuer-line": lambda asked: self.issuer.set_limit(**asked),
            "issuer-processing": lambda asked: setattr(self.issuer, "processing_seconds", int(asked["seconds"])),
            "house": lambda asked: self.shop.sell_at(asked["url"]),
            "temper": lambda asked: self.lender.set_temper(**asked),
            "processing": lambda asked: setattr(self.bank, "processing_seconds", int(asked["seconds"])),
        }

    def _shown(self, party: str, name: str, call: Call) -> Reply:
        asked = call.parameters
        match name:
            case "":
                return page_reply(self._knobs(party))
            case "clock":
                return json_reply({"now": utc(self.time.now()), "stands": self.time.stands})
            case "faults":
                planned, rates = self.faults[party].planned(), self.faults[party].rates()
                return json_reply({"calls": CALLS[party], "planned": planned, "rates": rates})
            case "book":
                return json_reply(self.bank.book.shown(TABLES[party]))
            case "moved":
                return json_reply(self.moved())
            case "inbox":
                return json_reply(self.inbox.messages(phone=asked.get("phone")))
            case "balance":
                return json_reply({"balance_fen": self.bank.balance_fen(number=asked.get("card_number", ""))})
            case "notices":
                return json_reply({"open": self.notices.open(), "probes_taken": self.notices.probes_taken})
            case _:
                return json_reply({"code": "not_found"}, status=404)

    def _knobs(self, party: str) -> str:
        faults = self.faults[party]
        moved = self.moved()
        facts = (
            ("时间 Time", utc(self.time.now())),
            ("打开的通知 Open notices", str(self.notices.open())),
            ("资金流动 Orders that moved money", str(len(moved))),
            ("合计 Sum, fen", str(sum(moved.values()))),
        )
        return page.knobs(
            name=party,
            calls=("*", *CALLS[party]),
            acts=sorted(self._acts(party)),
            book=self.bank.book.shown(TABLES[party]),
            faults=[fault.value for fault in Fault],
            planned=json.dumps(faults.planned()),
            rates=json.dumps(faults.rates()),
            facts=facts,
        )

    def _plan(self, party: str, asked: dict[str, Any]) -> None:
        seconds = asked.get("seconds")
        self.plan(
            party,
            asked["call"],
            asked["fault"],
            times=int(asked.get("times", 1)),
            seconds=None if seconds in (None, "") else float(seconds),
        )

    def _set_notices(self, party: str, asked: dict[str, Any]) -> object:
        if "url" in asked:
            self.send_notices_to(party, asked["url"])
        self.notices.held = bool(asked.get("held", self.notices.held))
        self.notices.twice = bool(asked.get("twice", self.notices.twice))
        if "probe_every" in asked:
            self.wechatpay.probe_every = int(asked["probe_every"])
        return {"again": self.notices.again()} if asked.get("again") else None

    def _pay(self, party: str, asked: dict[str, Any]) -> str:
        if party == "alipay":
            return self.alipay.trades.pay(out_trade_no=asked["order_number"], identity=asked.get("account"))
        if party == "wechatpay" and "combine_order_number" in asked:
            return self.wechatpay.combined.pay(number=asked["combine_order_number"], openid=asked.get("openid", ""))
        if party == "wechatpay":
            return self.wechatpay.pay(out_trade_no=asked["order_number"], openid=asked.get("openid", ""))
        return self.bank.pay_by_hand(order_number=asked["order_number"], card_number=asked["card_number"])

    def _sign(self, party: str, asked: dict[str, Any]) -> str:
        if party == "wechatpay":
            return self.wechatpay.contracts.sign(code=asked["agreement_number"], openid=asked["openid"])
        return self.alipay.agreements.sign(number=asked["agreement_number"], identity=asked["account"])

    def _unsign(self, party: str, number: str) -> None:
        if party == "wechatpay":
            self.wechatpay.contracts.end(code=number)
        else:
            self.alipay.agreements.end(number=number)

    def _pay_at_bank(self, call: Call) -> Reply:
        number = call.path.removeprefix("/pay/")
        order = self.bank.page(number)
        if order is None:
            return page_reply(page.page("没有这笔订单 No such order", ""), status=404)
        if call.method == "POST":
            card_number = dict(parse_qsl(call.body.decode())).get("card_number", "").replace(" ", "")
            said = self.bank.pay_by_hand(order_number=number, card_number=card_number)
            if said != "paid":
                return page_reply(
                    page.pay_at_bank(order, action=call.target, cards=self.bank.cards(), said=said), status=400
                )
            back = call.parameters.get("back")
            return redirect(back if back and back.startswith("http") else call.target)
        return page_reply(page.pay_at_bank(order, action=call.target, cards=self.bank.cards()))

    def _authorize(self, call: Call) -> Reply:
        asked = call.parameters
        if asked.get("appid") != self.wechat.appid or asked.get("response_type") != "code":
            return page_reply(page.page("Scope 参数错误或没有 Scope 权限 · The link is not right", ""), status=400)
        if "as" in asked:
            return self.wechat.authorized(call, openid=asked["as"])
        return page_reply(page.sign_in_with_wechat(self.wechat.people(), query=call.query))


def _is_local(call: Call) -> bool:
    """Whether knobs are turned from this machine: by a program, or by a page of the sandbox's own."""
    host = call.headers.get("host", "").rpartition(":")[0] or call.headers.get("host", "")
    from_elsewhere = call.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
    return host in ("127.0.0.1", "localhost") and not (call.method == "POST" and from_elsewhere)
