"""Names that the knobs of a sandbox know: the calls of each party that faults are planned for, and its tables."""

from __future__ import annotations

from typing import Final

from mingqu.sandbox.alipay import BILL_FILE, METHODS

TABLES: Final = {  # what each of them remembers, of the book that they share
    "wechatpay": (
        "trade", "refund", "wechat_contract", "wechat_schedule", "wechat_deduction", "wechat_combined",
        "wechat_wallet", "notice",
    ),
    "wechat": ("wechat_person", "wechat_code", "wechat_accepted"),
    "bank": ("card", "agreement", "bank_order", "bank_batch", "bank_return", "notice"),
    "identity": ("card", "identity_answer", "business"),
    "sms": ("message",),
    "bureau": ("bureau_person", "bureau_answer"),
    "data": ("data_phone", "data_answer"),
    "issuer": ("issuer_referral", "issuer_line"),
    "lender": ("lender_application", "lender_act"),
    "shop": ("shop_order", "shop_message"),
    "alipay": (
        "alipay_trade", "alipay_refund", "alipay_agreement", "alipay_transfer", "alipay_account", "alipay_code",
        "notice",
    ),
}  # fmt: skip
CALLS: Final = {
    "wechatpay": tuple(
        f"wechatpay.{call}"
        for call in (
            "prepay", "query", "close", "refund", "refund_query", "bill", "fund_bill", "bill_file", "certificates",
            "presign", "contract", "terminate", "schedule", "deduct", "deduct_query", "combine", "combine_query",
            "combine_close", "papay_apply", "papay_query", "papay_contract", "papay_end",
        )
    ),
    "wechat": ("wechat.token", "wechat.session", "wechat.access_token", "wechat.message"),
    "bank": (
        "payout.send", "collection.deduct", "hosted.create", "bank.ask", "bank.statement",
        "bank.account_statement", "payout.entrust", "batch.send", "batch.ask",
        "agreement.request", "agreement.confirm", "agreement.cancel",
    ),
    "identity": ("identity.check", "identity.business"),
    "sms": ("sms.send",),
    "bureau": ("bureau.features",),
    "alipay": (*METHODS.values(), BILL_FILE),
    "data": ("data.features",),
    "issuer": ("issuer.refer", "issuer.ask"),
    "shop": (),
    "lender": tuple(f"lender.{call}" for call in ("assess", "ask", "sign", "fund", "take_back", "report")),
}  # fmt: skip
