"""The way of somebody new, step by step, from the first code to a signature; borrowing again is its second half.

A step that died in the middle or met silence is done again as people do it: with the same key, or with a new code.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from mingqu.domain.consent import ConsentPurpose
from mingqu.domain.one_time_code import CodePurpose
from mingqu.domain.refusal import Refusal
from mingqu.services.appeals.ask_for_person import ask_for_person
from mingqu.services.contracts.send_signing_code import send_signing_code
from mingqu.services.contracts.sign_contract import Signed, sign_contract
from mingqu.services.decisions.assess import assess
from mingqu.services.offers.disclose_cost import confirm_cost_table, show_cost_table
from mingqu.services.offers.make_offers import make_offers
from mingqu.services.people.bind_wallet import bind_alipay_account
from mingqu.services.people.sign_in import send_code, sign_in
from mingqu.services.people.verify_identity import verify_identity
from mingqu.services.privacy.give_consent import give_consent
from mingqu.simulation.agreement import agree
from mingqu.simulation.people import IdleError, Person, Signing, require_same
from mingqu.simulation.playhouse import PAYEE

BALANCE_FEN: Final = 2_000_000
TRIES_MAX: Final = 12  # of one step; then somebody has had enough and goes
_AMOUNTS_FEN: Final = (50_000, 120_000, 300_000, 450_000)
_LATER: Final = (timedelta(0), timedelta(0), timedelta(hours=5), timedelta(days=2))
_TO_PAYEE_PPM: Final = 300_000  # of the signatures; the others go to one's own account
_TO_WALLET_PPM: Final = 600_000  # of these, where an account at a wallet is bound
_NOT_OWN_NAME_PPM: Final = 150_000  # of the accounts at a wallet: transfers to them are refused
_METHODS: Final = ("equal_instalment", "equal_principal", "interest_only")


def _ask_code(person: Person) -> None:
    person.play.world.meet(person.newcomer, balance_fen=BALANCE_FEN)
    send_code(person.house, phone=person.newcomer.phone, purpose=CodePurpose.SIGN_IN)


def _sign_in(person: Person) -> None:
    person.person_id = sign_in(person.house, phone=person.newcomer.phone, digits=person.latest_code())


def _consent_to_check(person: Person) -> None:
    _consent(person, ConsentPurpose.REAL_NAME_VERIFICATION)


def _ask_check_code(person: Person) -> None:
    send_code(person.house, phone=person.newcomer.phone, purpose=CodePurpose.VERIFY_IDENTITY)
    person.request_id = person.request_id or person.house.id_for(person.own_id)


def _verify(person: Person) -> None:
    assert person.request_id is not None
    newcomer = person.newcomer
    proved = verify_identity(
        person.house,
        person_id=person.own_id,
        request_id=person.request_id,
        name=newcomer.name,
        id_number=newcomer.id_number,
        phone=newcomer.phone,
        card_number=newcomer.card_number,
        digits=person.latest_code(),
    )
    person.person_id, person.instrument_id = proved.person_id, proved.instrument_id


def _consent_to_query(person: Person) -> None:
    _consent(person, ConsentPurpose.BUREAU_QUERY, recipient=person.house.settings.operator_name)


def _consent_to_program(person: Person) -> None:
    _consent(person, ConsentPurpose.AUTOMATED_DECISION)
    person.application_id = person.house.id_for(person.own_id)


def _apply(person: Person) -> None:
    assert person.application_id is not None
    made = assess(
        person.house,
        person_id=person.own_id,
        application_id=person.application_id,
        requested_amount_fen=500_000,
        monthly_income_fen=person.newcomer.monthly_income_fen,
    )
    person.decision_id = made.decision_id
    person.notebook.ceiling_fen = made.decision.limit_fen if made.decision.approved else 0
    if not made.decision.approved:
        person.step = ASKING


def _choose(person: Person) -> None:
    """Make offers and take the first: the cheapest."""
    if not person.key:
        person.key = person.new_key("offers")
        product_methods = _METHODS if person.dice.happens(700_000) else _METHODS[:1]
        person.wanted = (
            person.dice.one_of(_AMOUNTS_FEN),
            person.dice.one_of((3, 6, 12)),
            person.dice.one_of(product_methods),
        )
    amount_fen, instalments, method = person.wanted
    offers = make_offers(
        person.house,
        person_id=person.own_id,
        amount_fen=amount_fen,
        instalments=instalments,
        method=method,
        key=person.key,
    )
    person.key, person.disclosure_id = "", None
    person.offer_id, person.lender = offers[0].offer.offer_id, offers[0].lender_name_zh


def _read_table(person: Person) -> None:
    assert person.offer_id is not None
    table = show_cost_table(person.house, person_id=person.own_id, offer_id=person.offer_id)
    person.disclosure_id = table.disclosure_id


def _confirm_table(person: Person) -> None:
    assert person.disclosure_id is not None
    confirm_cost_table(person.house, person_id=person.own_id, disclosure_id=person.disclosure_id)


def _consent_to_lender(person: Person) -> None:
    _consent(person, ConsentPurpose.PASS_TO_LENDER, recipient=person.lender)


def _bind_wallet(person: Person) -> None:
    """Bind an account at a wallet, or do without; not everybody's is in their own name."""
    if person.wallet_id is None and person.dice.happens(700_000):
        wallets = person.play.wallets
        account = wallets.account_of(person.newcomer, own_name=not person.dice.happens(_NOT_OWN_NAME_PPM))
        person.wallet_id = bind_alipay_account(person.house, person_id=person.own_id, code=wallets.come_back(account))


def _agree(person: Person) -> None:
    """Agree to deductions, or do without."""
    if person.dice.happens(700_000):
        agree(person)


def _ask_signing_code(person: Person) -> None:
    assert person.offer_id is not None
    send_signing_code(person.house, person_id=person.own_id, offer_id=person.offer_id)


def _sign(person: Person) -> None:
    meant = person.signing = person.signing or _meant(person)

    def sign() -> Signed:
        assert person.offer_id is not None
        return sign_contract(
            person.house,
            person_id=person.own_id,
            offer_id=person.offer_id,
            instrument_id=meant.instrument_id,
            payee=meant.payee,
            payout_at=meant.payout_at,
            code=person.latest_code(),
            key=meant.key,
        )

    signed = sign()
    if person.asks_twice():
        require_same(signed, sign(), what="a signature")
    person.signing = None


def _meant(person: Person) -> Signing:
    """Return a signature of somebody's choice: paid now or later, to a card, an account of theirs, or a payee."""
    later = person.dice.one_of(_LATER)
    to_payee, to_wallet = person.dice.happens(_TO_PAYEE_PPM), person.dice.happens(_TO_WALLET_PPM)
    own = person.wallet_id if to_wallet and person.wallet_id is not None else person.instrument_id
    return Signing(
        key=person.new_key("sign"),
        payout_at=person.house.clock.now() + later if later else None,
        instrument_id=None if to_payee else own,
        payee=PAYEE if to_payee else None,
    )


def _ask_for_person(person: Person) -> None:
    """Ask that a person looks at a refusal, and go."""
    assert person.decision_id is not None
    # The same wish when it is sent again: it goes under one key.
    wish = ("review", "explain")[person.decision_id.int >> 64 & 1]
    ask_for_person(
        person.house,
        person_id=person.own_id,
        wish=wish,
        decision_id=person.decision_id,
        key="about the refusal",
    )
    person.gone = True


def _consent(person: Person, purpose: ConsentPurpose, *, recipient: str | None = None) -> None:
    key = f"consent {purpose.value} {recipient or ''}"
    first = give_consent(person.house, person_id=person.own_id, purpose=purpose, recipient=recipient, key=key)
    if person.asks_twice():
        again = give_consent(person.house, person_id=person.own_id, purpose=purpose, recipient=recipient, key=key)
        require_same(first, again, what="a consent")


WAY: Final[tuple[Callable[[Person], None], ...]] = (
    _ask_code,
    _sign_in,
    _consent_to_check,
    _ask_check_code,
    _verify,
    _consent_to_query,
    _consent_to_program,
    _apply,
    _choose,
    _read_table,
    _confirm_table,
    _consent_to_lender,
    _bind_wallet,
    _agree,
    _ask_signing_code,
    _sign,
    _ask_for_person,
)
CHOOSING: Final = WAY.index(_choose)
ARRIVED: Final = WAY.index(_sign) + 1
ASKING: Final = ARRIVED  # where somebody stands who was refused; whoever signed stands beyond it
BORROWER: Final = ASKING + 1
# The step that is gone back to when a code is wrong, used, or too old.
_CODE_STEPS: Final = {
    WAY.index(_sign_in): 0,
    WAY.index(_verify): WAY.index(_ask_check_code),
    WAY.index(_sign): WAY.index(_ask_signing_code),
}
_ENDS: Final = ("card_not_own", "card_not_supported", "card_closed", "card_tries_exhausted", "no_limit",
                "drawing_frozen", "drawing_stopped", "bureau_has_nothing", "applied_too_soon", "funding_exhausted",
                "limit_exceeded", "code_sends_exhausted")  # fmt: skip


def step_name(person: Person) -> str:
    """Return what somebody does next on their way."""
    return WAY[person.step].__name__.strip("_").replace("_", " ")


def go_on(person: Person) -> None:
    """Take the next step of the way; a refusal decides where it goes on. Errors: Refusal."""
    before = person.step
    try:
        WAY[before](person)
    except (Refusal, IdleError) as refusal:
        _turn_back(person, refusal)
        raise
    person.tries = 0
    if person.step == before:  # a refused application has set it elsewhere
        person.step = BORROWER if before == WAY.index(_sign) else before + 1


def _turn_back(person: Person, why: Refusal | IdleError) -> None:
    """Decide where the way goes on after a step that was refused, or that a message was missing for."""
    person.tries += 1
    code = why.code if isinstance(why, Refusal) else "code_missing"
    if code in _ENDS or person.tries > TRIES_MAX:
        person.tries = 0
        if person.step >= CHOOSING:
            person.step, person.key, person.signing = BORROWER, "", None
        else:
            person.gone = True
    elif code == "offer_stale":
        person.step, person.key, person.signing = CHOOSING, "", None
    elif code == "payout_time_out_of_range":
        person.signing = None  # the time they chose has passed: they choose another
    elif code.startswith("code_") and code != "code_too_soon":
        person.step = _CODE_STEPS.get(person.step, person.step)
