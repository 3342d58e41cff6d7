"""Papers as PDF: the same contract gives the same bytes, on every machine, in ten years.

Typst sets them with the fonts of the package alone, with no date of its own, and a warning (a glyph that no font has,
say) is an error, because a box in a contract is worse than no contract.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import typst
from fontTools.ttLib import TTFont

from mingqu.domain.loan import Component, Timing
from mingqu.domain.loan.terms import NON_ACCRUAL_AFTER_DAYS
from mingqu.services.customers.read_papers import ContractView, Paper, Party
from mingqu.services.people.state_business import use_of
from mingqu.services.privacy.copy_own_data import OwnData
from mingqu.web.pages import moment, percent
from mingqu.web.party_words import parties_in_words, party_clauses

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)  # of every paper: what it says about time stands in its text
METHODS: Final = {
    "equal_instalment": ("等额本息", "equal instalments"),
    "equal_principal": ("等额本金", "equal principal"),
    "interest_only": ("先息后本", "interest first, principal at the end"),
    "bullet": ("一次还本付息", "all at the end"),
    "flexible": ("随借随还", "borrow and repay at any time"),
    "flat": ("等本等息", "flat instalments"),
}
_ITEMS: Final = {
    "interest": "利息 Interest",
    "fee": "费用 Fee",
    "guarantee_fee": "担保费 Guarantee fee",
    "insurance_premium": "保费 Premium",
}
_COMPONENTS: Final = {
    Component.PENALTY: ("罚息", "penalty"),
    Component.FEE: ("费用", "fees"),
    Component.INTEREST: ("利息", "interest"),
    Component.PRINCIPAL: ("本金", "principal"),
}
_USES: Final = {
    "home_purchase": ("购房", "buying a home"),
    "securities": ("股票、债券等证券", "securities"),
    "derivatives": ("期货等衍生品", "derivatives"),
    "equity_investment": ("股本权益性投资", "equity investment"),
    "fixed_assets": ("固定资产投资", "fixed assets"),
    "lending_on": ("转借他人", "lending it on"),
    "consumption": ("个人消费", "private spending"),
}
BUSINESS_USES: Final = {
    "stock": ("进货", "stock"),
    "materials": ("原材料", "materials"),
    "equipment": ("设备", "equipment"),
    "rent": ("店面租金", "rent of premises"),
    "wages": ("员工工资", "wages"),
}
# What a payee is paid for; another word stands as it was signed.
PURPOSES: Final = {
    "merchant_order": ("支付商户订单", "an order at a merchant's"),
    "purpose_card": ("专用卡内的约定用途", "the uses agreed for the card"),
    "car_purchase": ("购车", "buying a car"),
    "workshop": ("厂房、车间", "a workshop"),
    "works": ("装修、施工", "building works"),
    "equipment": ("设备", "equipment"),
    "installation": ("安装调试", "installation"),
}


class PaperBroken(Exception):  # noqa: N818 (the word of the house)
    """A paper could not be set without a fault; the message is the setter's own."""


def contract_pdf(view: ContractView, *, party: Party) -> bytes:
    """Return a contract as PDF, in both languages, with its cost table, plan and fingerprints."""
    return _set("contract.typ", contract_words(view, party=party))


def contract_words(view: ContractView, *, party: Party) -> dict[str, object]:
    """Return everything that a contract's paper says, before it is set."""
    method = METHODS[str(view.cost_table.body["method"])]
    to_payee = "payee" in view.contract.body
    return {
        "contract": view.contract.body,
        "contract_hash": view.contract.body_hash.hex(),
        "cost_table": view.cost_table.body,
        "borrower_name": party.name.reveal(),
        "borrower_id_number": party.id_number,
        "paid_to_zh": "收款方（受托支付）" if to_payee else "收款卡",
        "paid_to_en": "Paid to, for the borrower" if to_payee else "Paid out to",
        "card": f"{view.bank_zh if to_payee else f'{view.bank_zh} {view.bank_en}'} · {view.card_tail}",
        "parties": parties_in_words(view.contract.body, view.cost_table.body),
        "signed_at": moment(view.signed_at),
        "method_zh": method[0],
        "method_en": method[1],
        "items": _ITEMS,
        "rows": [
            {
                "number": row.number,
                "due": row.due.isoformat(),
                "payment_fen": row.payment_fen,
                "principal_fen": row.principal_fen,
                "interest_fen": row.interest_fen,
                "fee_fen": row.fee_fen,
            }
            for row in view.payments
        ],
        "has_fees": any(row.fee_fen for row in view.payments),
        "clauses": _clauses(view),
    }


def certificate_pdf(paper: Paper, *, party: Party, lender: str) -> bytes:
    """Return a certificate of settlement as PDF."""
    data = {
        "certificate": paper.body,
        "certificate_hash": paper.body_hash.hex(),
        "borrower_name": party.name.reveal(),
        "borrower_id_number": party.id_number,
        "lender": lender,
    }
    return _set("certificate.typ", data)


def own_data_pdf(copied: OwnData) -> bytes:
    """Return the page that goes with a copy of a person's data, and names the fingerprint of its JSON."""
    document_hash = hashlib.sha256(copied.document.reveal().encode()).hexdigest()
    return _set("own-data.typ", {**copied.summary.reveal(), "document_hash": document_hash})


def _cooling_off(days: int) -> list[dict[str, str]]:
    if not days:
        return []
    return [
        {
            "zh": f"冷静期 {days} 天：自到账当日起 {days} 天内退回全部本金，即解除合同，不付利息，不付任何费用。",
            "en": f"Cooling-off: whoever gives the whole principal back within {days} days, the day of arrival"
            " being the first, ends the contract and pays no interest and no fee.",
        }
    ]


def _paid_for(body: Mapping[str, object]) -> list[dict[str, str]]:
    """Return what a contract says of a payee: that nobody else is paid, what for, and the order or use agreed to."""
    named = body.get("payee")
    if not isinstance(named, dict):
        return []
    zh, en = PURPOSES.get(str(named["purpose"]), (str(named["purpose"]), str(named["purpose"])))
    said = [
        {
            "zh": f"借款用于{zh}，由出借人直接付给上列收款方，不付给其他账户，签署后不得更改。",
            "en": f"The money is for {en}. The lender pays it to the payee above and to no other account.",
        }
    ]
    if "order" in body:
        said.append(
            {
                "zh": f"所付订单的指纹（SHA-256）：{body['order']}。全部退货的，不再欠本金和利息。",
                "en": "The fingerprint is that of the order. With all goods returned nothing more is owed.",
            }
        )
    if "funds_contract" in body:
        said.append(
            {
                "zh": f"资金用途约定的指纹（SHA-256）：{body['funds_contract']}。",
                "en": "The fingerprint is that of what the money may be used for.",
            }
        )
    return said


def _clauses(view: ContractView) -> list[dict[str, str]]:
    """Return the terms that the contract's own data says, as sentences in both languages."""
    table, terms = view.cost_table.body, view.terms
    named = view.contract.body["prohibited_uses"]
    assert isinstance(named, list)
    uses = [_USES.get(str(use), (str(use), str(use))) for use in named]
    early_ppm = int(str(table["early_repayment_fee_ppm"]))
    early_zh = f"按提前归还本金的 {percent(early_ppm)} 收取违约金" if early_ppm else "不收违约金"
    early_en = f"a fee of {percent(early_ppm)} of the principal repaid early" if early_ppm else "no fee"
    order = [_COMPONENTS[component] for timing, component in terms.allocation if timing is Timing.PAST_DUE]
    later = [_COMPONENTS[part] for timing, part in terms.allocation_non_accrual if timing is Timing.PAST_DUE]
    use = use_of(view.contract.body)
    return [
        *(
            []
            if not use
            else [
                {
                    "zh": f"借款用于借款人自己的经营主体：{BUSINESS_USES[use][0]}。",
                    "en": f"The money is for the borrower's own business: {BUSINESS_USES[use][1]}.",
                }
            ]
        ),
        *party_clauses(view.contract.body),
        *_paid_for(view.contract.body),
        {
            "zh": f"借款不得用于：{'、'.join(zh for zh, _ in uses)}。",
            "en": f"The money may not be used for: {', '.join(en for _, en in uses)}.",
        },
        {
            "zh": "放款以款项到账为准，到账前不计息。出借人将本金全额支付，不预先扣除利息。",
            "en": "Interest begins when the money arrives. The whole principal is paid out; no interest is taken off.",
        },
        {
            "zh": f"可随时提前还款，利息计至还款当日，{early_zh}。",
            "en": f"The loan may be repaid early at any time, with interest to the day and {early_en}.",
        },
        *_cooling_off(int(str(table.get("cooling_off_days", 0)))),
        {
            "zh": f"还款依次抵偿：{'、'.join(zh for zh, _ in order)}；逾期超过 {NON_ACCRUAL_AFTER_DAYS} 天后依次为："
            f"{'、'.join(zh for zh, _ in later)}。先到期的先抵。",
            "en": f"A payment goes to {', '.join(en for _, en in order)}; more than {NON_ACCRUAL_AFTER_DAYS} days "
            f"late, to {', '.join(en for _, en in later)}. What was due first is paid first.",
        },
        {
            "zh": f"罚息为合同利率的 {percent(terms.penalty_multiple_ppm)}，只计收逾期本金，不计复利；"
            f"宽限期 {terms.grace_days} 天。",
            "en": f"Penalty runs at {percent(terms.penalty_multiple_ppm)} of the contract rate on overdue principal "
            f"only and is not compounded; {terms.grace_days} days of grace.",
        },
        {"zh": str(table["risk_warning"]), "en": "Think before you borrow: being late costs more and may be reported."},
    ]


@cache
def _folder() -> Path:
    """Return where templates are; the package lies in a folder, not in an archive (typst imports beside the file)."""
    with as_file(files("mingqu.web")) as place:
        return place


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(_folder() / "vendor" / "fonts")]
    )


@cache
def _glyphs() -> frozenset[int]:
    """Return the characters that the font has: Typst draws a box for another and says nothing."""
    with TTFont(_folder() / "vendor" / "fonts" / "NotoSansSC_400Regular.ttf", lazy=True) as font:
        return frozenset(font.getBestCmap())


def _set(template: str, data: Mapping[str, object]) -> bytes:
    """Set a template with its data. Errors: PaperBroken."""
    written = json.dumps(data, ensure_ascii=False, default=str)
    missing = {character for character in written if ord(character) not in _glyphs()}
    if missing:
        raise PaperBroken("the font has no glyph for: " + " ".join(f"U+{ord(one):04X}" for one in sorted(missing)))
    compiler = typst.Compiler(
        str(_folder() / "paper" / template),
        root=str(_folder() / "paper"),
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs={"data": written},
    )
    try:
        made, warnings = compiler.compile_with_warnings(format="pdf", timestamp=_EPOCH)
    except typst.TypstError as error:
        raise PaperBroken(error.message) from None
    if warnings:
        raise PaperBroken("; ".join(str(warning) for warning in warnings))
    assert isinstance(made, bytes)
    return made
