"""Ask whether a card with a purpose may be used in a wallet; the answer, its reasons and its record are kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.canonical import Canonical
from mingqu.domain.decision.field import Value
from mingqu.domain.decision.link import LinkDecision, LinkReason, LinkTable, decide_link, parse_link_table
from mingqu.domain.decision.strategy import PolicyMissing
from mingqu.domain.evidence import LeafKind
from mingqu.domain.moment import MARKET_TIME
from mingqu.domain.ownership import NotFound
from mingqu.domain.policy_file import Document
from mingqu.domain.purpose.wallet import Wallet, parse_wallets
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.services.once import Response, once
from mingqu.services.purpose.read_card import papers_owed
from mingqu.services.purpose.spend_card import contract_of
from mingqu.store import evidence
from mingqu.store.limits import freeze
from mingqu.store.parties import party
from mingqu.store.purposes import purpose, purpose_alert, wallet_binding
from mingqu.store.purposes.wallet_binding import Binding
from mingqu.store.server.database import Transaction

BINDINGS_SHOWN_MAX: Final = 20
_ALERTS_MAX: Final = 50
_TABLE: Final = "wallet_binding"


class CardWalletUnknown(Refusal):
    """There is no such wallet; those that may be asked for are listed."""

    code: ClassVar[str] = "card_wallet_unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingView:
    """A decision as its person reads it; limited means for repaying the loan only."""

    binding_id: UUID
    card_id: UUID
    wallet: str
    use: str
    outcome: str
    reasons: tuple[LinkReason, ...]
    decided_at: datetime


def wallets_of(house: House) -> dict[str, Wallet]:
    """Return the wallets that may be asked for, by their codes."""
    return parse_wallets(document=house.pack.document(kind="wallets", name="wallets"))


def ask_for_binding(house: House, *, person_id: UUID, card_id: UUID, wallet: str, use: str, key: str) -> BindingView:
    """Decide whether a person's card may be used in a wallet, to "repay" or to "spend"; keep the decision.

    Errors: NotFound (another's card too), CardWalletUnknown, DecisionInputInvalid (of a use there is none of), and
    those of the key.
    """

    def work(tx: Transaction) -> Response:
        house.policies.refresh(tx)
        asked = wallets_of(house).get(wallet)
        if asked is None:
            raise CardWalletUnknown(f"A wallet is one of: {', '.join(sorted(wallets_of(house)))}.")
        today, now = house.clock.business_date(), house.clock.now()
        table = _table(house, today=today)
        inputs = _inputs(tx, person_id=person_id, card_id=card_id, asked=asked, use=use, at=now)
        made = decide_link(table=table, inputs=inputs, business_date=today)
        stored = Binding(
            binding_id=house.id_for(person_id),
            person_id=person_id,
            card_id=card_id,
            wallet=wallet,
            outcome=made.outcome.value,
            record=made.record(),
            table_version=table.version,
            decided_at=now,
        )
        wallet_binding.insert(tx, binding=stored)
        evidence.append(
            tx,
            keyring=house.keyring,
            cell=tx.cell_of(person_id),
            person_id=person_id,
            kind=LeafKind.WALLET_BINDING,
            subject_id=stored.binding_id,
            at=now,
            facts={"outcome": stored.outcome, "wallet": wallet, "record_hash": made.record_hash().hex()},
        )
        return {"binding_id": stored.binding_id.hex}

    request: dict[str, Canonical] = {"card_id": card_id.hex, "wallet": wallet, "use": use}
    answer = once(house, person_id=person_id, command="bind_card", key=key, request=request, work=work)
    made = bindings_of(house, person_id=person_id, card_id=card_id)
    return next(one for one in made if one.binding_id == UUID(str(answer["binding_id"])))


def bindings_of(house: House, *, person_id: UUID, card_id: UUID) -> list[BindingView]:
    """Return what was decided about a person's card, the newest first, each decided again. Errors: NotFound."""
    with house.database.transaction() as tx:
        if purpose.owner_of(tx, card_id=card_id) != person_id:
            raise NotFound
        stored = wallet_binding.of_card(tx, card_id=card_id, limit=BINDINGS_SHOWN_MAX)
    return [_view(house, one) for one in stored]


def _view(house: House, stored: Binding) -> BindingView:
    made = _again(house, stored)
    return BindingView(
        binding_id=stored.binding_id,
        card_id=stored.card_id,
        wallet=stored.wallet,
        use=str(made.inputs["use"]),
        outcome=stored.outcome,
        reasons=made.reasons,
        decided_at=stored.decided_at,
    )


def _again(house: House, stored: Binding) -> LinkDecision:
    record = json.loads(stored.record)
    document = house.pack.version(kind=_TABLE, name="wallet-binding", version=stored.table_version)
    return decide_link(
        table=parse_link_table(document=document),
        inputs=record["inputs"],
        business_date=date.fromisoformat(record["business_date"]),
    )


def _table(house: House, *, today: date) -> LinkTable:
    held: list[Document] = [one for one in house.pack.in_force(business_date=today) if one.kind == _TABLE]
    if not held:
        raise PolicyMissing("No table says which cards may be used in wallets.", kind=_TABLE)
    return parse_link_table(document=held[0])


def _inputs(
    tx: Transaction, *, person_id: UUID, card_id: UUID, asked: Wallet, use: str, at: datetime
) -> dict[str, Value]:
    today = at.astimezone(MARKET_TIME).date()
    card = purpose.standing(tx, card_id=card_id, day=today)
    if card is None or card.person_id != person_id:
        raise NotFound
    contract = contract_of(tx, contract_hash=card.contract_hash).contract
    alerts = purpose_alert.of_card(tx, card_id=card_id, limit=_ALERTS_MAX)
    return {
        "identity_level": int(party.load_person(tx, person_id=person_id).identity_level),
        "issuer_lets": asked.issuer,
        "use": use,
        "rails": asked.reached,
        "wallet_tier": asked.tier,
        "money_apart": asked.keeps_money_apart,
        "suspected": freeze.standing(tx, person_id=person_id) is not None
        or any(one.closed_at is None and one.deed != "watch" for one in alerts),
        "card_frozen": card.frozen_for is not None,
        "papers_late": sum(one.overdue for one in papers_owed(contract=contract, card=card, on=today)),
    }
