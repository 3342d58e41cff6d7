"""Try a draft on past applications of a book: read under one snapshot, decide twice in memory, write nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import ClassVar, Final
from uuid import UUID

from mingqu.domain.decision.record import APPROVED
from mingqu.domain.decision.trial import Trial
from mingqu.domain.decision.try_out import PastApplication, TryOut
from mingqu.domain.policy_file import Document
from mingqu.domain.refusal import Refusal
from mingqu.store.decisions import policy, publication
from mingqu.store.decisions.past_application import PastDecision, count_decisions, past_decisions
from mingqu.store.server.database import Database, Transaction
from mingqu.store.server.keyring import Keyring

STEP_DECISIONS: Final = 500  # decisions between two words about progress: some hundredths of a second


class PeriodEmpty(Refusal):
    """The period ends before it begins, or no application was decided in it."""

    code: ClassVar[str] = "period_empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came out. `erased` people and decisions that `people` made (overrides) were skipped.

    `approved_then` is how many of those tried were approved when they were decided, with trials and switches of their
    day; the sides of `try_out` know neither.
    """

    trial: Trial
    try_out: TryOut
    applications: int
    erased: int
    overrides: int
    approved_then: int


def read_drafts(*, paths: Sequence[Path]) -> list[Document]:
    """Return files as drafts. Errors: PolicyFault for one that cannot be read as TOML or JSON; OSError."""
    return [policy.read_document(path, file=path.name) for path in paths]


def try_policy(
    *,
    database: Database,
    keyring: Keyring,
    drafts: Sequence[Document],
    draft_ids: Sequence[UUID] = (),
    since: date,
    until: date,
    progress: Callable[[int, int], None],
) -> Tried:
    """Decide every application of the days [since, until) as of its day, without the drafts and with them.

    `draft_ids` name drafts in the book. `progress` hears how many of how many are read. Errors: PeriodEmpty, NotFound,
    DraftNotTried, PolicyFault and what else a load of policies refuses, KeyUnknown, SealBroken.
    """
    if since >= until:
        raise PeriodEmpty(f"The period ends on {until}, before it has begun on {since}; name a later end.")
    with database.snapshot() as still, still.transaction() as tx:
        held = [publication.load_draft(tx, draft_id=one).document for one in draft_ids]
        trial = Trial(pack=policy.load_published(tx), drafts=[*drafts, *held])
        total = count_decisions(tx, since=since, until=until)
        if not total:
            raise PeriodEmpty(f"No application was decided from {since} to before {until}; name other days.")
        return _tried(tx, keyring, trial, since, until, total, progress)


def _tried(
    tx: Transaction,
    keyring: Keyring,
    trial: Trial,
    since: date,
    until: date,
    total: int,
    progress: Callable[[int, int], None],
) -> Tried:
    try_out = TryOut(trial=trial)
    done = erased = overrides = approved_then = 0
    for one in past_decisions(tx, keyring=keyring, since=since, until=until):
        done += 1
        if one.record.get("override") is not None:
            overrides += 1
        elif one.sealed is None:
            erased += 1
        else:
            approved_then += one.outcome == APPROVED
            try_out.add(application=_application(one, json.loads(one.sealed.reveal())))
        if done % STEP_DECISIONS == 0 or done == total:
            progress(done, total)
    try_out.finish()
    return Tried(
        trial=trial,
        try_out=try_out,
        applications=done,
        erased=erased,
        overrides=overrides,
        approved_then=approved_then,
    )


def _application(one: PastDecision, sealed: dict[str, dict[str, int | str | bool | None]]) -> PastApplication:
    return PastApplication(
        inputs=sealed["inputs"], business_date=one.business_date, product_ids=tuple(one.record["product_ids"])
    )
