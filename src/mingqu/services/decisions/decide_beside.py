"""Decide beside: what a version that is only tried would have said, sealed, and never acted on.

It happens after the real decision is committed, in a transaction of its own, and whatever goes wrong in it stays
there: the trouble is stored as a word, and the person's answer is what it was. A process that dies in between leaves
no shadow. What was off for the real decision is off for its shadows, so that a difference is one of versions.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from mingqu.domain.canonical import canonical
from mingqu.domain.decision import Decision
from mingqu.domain.decision.decide import decide_with
from mingqu.domain.decision.experiment import Variant, shadows_of
from mingqu.domain.decision.field import Value
from mingqu.domain.decision.strategy import Strategy
from mingqu.domain.decision.switch import is_law
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.services.house import House
from mingqu.store.decisions import shadow
from mingqu.store.decisions.shadow import Shadow
from mingqu.store.people import vault
from mingqu.store.server.database import Transaction

_log: Final = logging.getLogger(__name__)
BROKEN: Final = "broken"  # the trouble of a shadow that failed otherwise than by a refusal


def decide_beside(
    house: House, *, person_id: UUID, decision_id: UUID, made: Decision, inputs: Mapping[str, Value]
) -> None:
    """Store what each shadow in force says of the same inputs; nothing that fails here reaches the caller."""
    try:
        experiments = house.pack.experiments(business_date=made.business_date)
        for variant in shadows_of(person_id=person_id, experiments=experiments):
            _beside(house, person_id, decision_id, made, inputs, variant)
    except Exception:  # noqa: BLE001
        # A shadow is for whoever builds policies, never for whoever applied: their answer stands, whatever this was.
        _log.exception("shadow.failed", extra={"decision_id": decision_id.hex})


def _beside(
    house: House, person_id: UUID, decision_id: UUID, made: Decision, inputs: Mapping[str, Value], variant: Variant
) -> None:
    trouble, said = "", None
    try:
        strategy = house.pack.on(
            business_date=made.business_date, product_ids=made.product_ids, instead=variant.instead
        )
        said = decide_with(
            inputs=inputs,
            strategy=strategy,
            variant=variant.name,
            switches=_switches(made, strategy),
            read_under=made.read_under,
        )
    except Refusal as refusal:
        trouble = refusal.code
    except Exception:  # noqa: BLE001 (as above)
        _log.exception("shadow.broken", extra={"decision_id": decision_id.hex})
        trouble = BROKEN

    def keep(tx: Transaction) -> None:
        now = house.clock.now()
        fresh = shadow.insert(
            tx,
            shadow=Shadow(
                decision_id=decision_id,
                variant=variant.name,
                person_id=person_id,
                decided_at=now,
                outcome=None if said is None else said.outcome,
                record_hash=None if said is None else hashlib.sha256(said.record_bytes()).digest(),
                trouble=trouble or None,
            ),
        )
        if fresh and said is not None:
            field = shadow.field_of(decision_id=decision_id, variant=variant.name)
            sealed = Personal(canonical(said.record()).decode())
            vault.seal(tx, keyring=house.keyring, person_id=person_id, field=field, value=sealed, at=now)

    house.database.run(keep)


def _switches(made: Decision, strategy: Strategy) -> dict[str, str]:
    """Return what was off when a decision was made, as far as a shadow's strategy has it and may leave it out."""
    rows = {f"row/{row.id}" for row in strategy.policy.rows if not is_law(row)}
    return {name: act for name, act in made.switches.items() if not name.startswith("row/") or name in rows}
