"""Where automatic and combined repayment are asked for, and under which names faults know those calls."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from mingqu.sandbox.wechatpay_combined import Combined
from mingqu.sandbox.wechatpay_repayment import Repayments
from mingqu.sandbox.wire import Reply

CREDIT: Final = "/v3/credit-repayment/partner"
COMBINED: Final = "/v3/repayment/combine-transactions/partner"
Path = tuple[str, re.Pattern[str], str, Callable[..., Reply]]


def repayment_routes(repayments: Repayments, combined: Combined) -> tuple[Path, ...]:
    """Return method, path, call name and handler of each."""

    def path(method: str, pattern: str, name: str, do: Callable[..., Reply]) -> Path:
        return method, re.compile(pattern), f"wechatpay.{name}", do

    return (
        path("POST", rf"{CREDIT}/contracts/(?P<kind>h5|app|jsapi)-presign", "presign", repayments.presign),
        path("GET", rf"{CREDIT}/contracts/out-contract-code/(?P<code>[^/]+)", "contract", repayments.ask_contract),
        path("POST", rf"{CREDIT}/contracts/terminate", "terminate", repayments.terminate),
        path("POST", rf"{CREDIT}/schedule-records/batch-create", "schedule", repayments.schedule),
        path("POST", rf"{CREDIT}/deduct-orders", "deduct", repayments.deduct),
        path("GET", rf"{CREDIT}/deduct-orders/(?P<number>[^/]+)", "deduct_query", repayments.ask_deduction),
        path("POST", rf"{COMBINED}/prepay", "combine", combined.prepay),
        path("GET", rf"{COMBINED}/out-trade-no/(?P<number>[^/]+)", "combine_query", combined.ask),
        path("POST", rf"{COMBINED}/out-trade-no/(?P<number>[^/]+)/close", "combine_close", combined.close),
    )
