"""Drafts tried: the strategy of a day as it was in force, and the same with the drafts put in its place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import ClassVar, Final, NamedTuple

from mingqu.domain.decision.draft import Change, differences
from mingqu.domain.decision.pack import Pack, parse_pack
from mingqu.domain.decision.publication import key_of
from mingqu.domain.decision.strategy import Finder, PolicyMissing, Strategy, assemble
from mingqu.domain.policy_file import Document
from mingqu.domain.refusal import Refusal
from mingqu.domain.rule import RuleMissing

TRIED: Final = (
    "fields",
    "card",
    "policy",
    "grid",
    "product",
    "strategy",
)  # what a decision reads and a draft may change
DRAFTS_MAX: Final = 20  # drafts tried together; more are no longer one change
STRATEGIES_MAX: Final = 64  # sets of policies that held on the days of one run; the rest is put together again


class DraftNotTried(Refusal):
    """The draft is of a kind that changes no decision, or two drafts are of the same policy."""

    code: ClassVar[str] = "draft_not_tried"


class Pair(NamedTuple):
    """What decided on a day, and what would have with the drafts."""

    before: Strategy
    after: Strategy


class _TrialFinder(Finder):
    """Finds a draft wherever a policy of its name is asked for, whatever day it is dated from."""

    tried: dict[str, Document]

    def _in_force(self, found: Sequence[Document]) -> Document | None:
        draft = self.tried.get(key_of(found[0])) if found else None
        return draft or super()._in_force(found)


class Trial:
    """Drafts beside the pack that they want to join. Making one checks them with the whole pack around them.

    Errors: DraftNotTried, PolicyFault and every other that `parse_pack` refuses.
    """

    def __init__(self, *, pack: Pack, drafts: Sequence[Document]) -> None:
        self.drafts = {key_of(one): one for one in drafts}
        if not 0 < len(drafts) <= DRAFTS_MAX or len(self.drafts) != len(drafts):
            raise DraftNotTried(f"Name one draft for each policy, at most {DRAFTS_MAX}.")
        for one in drafts:
            if one.kind not in TRIED:
                raise DraftNotTried(f"{one.file}: {one.kind} changes no decision; try one of {', '.join(TRIED)}.")
        held = {(key_of(one), one.hash) for one in pack.documents}
        fresh = [one for one in drafts if (key_of(one), one.hash) not in held]
        said = [one for each in pack.spoken.values() for one in each]
        self._base = pack
        self._with = parse_pack(documents=[*pack.documents, *fresh], publications=said) if fresh else pack
        self._pairs: dict[tuple[object, ...], Pair] = {}

    def pair(self, *, business_date: date, product_ids: tuple[str, ...]) -> Pair:
        """Return both strategies of a day: what was in force, no trial and no switch, and that with the drafts.

        Errors: PolicyMissing, ProductNotOffered, RuleMissing of what was in force; of the drafts DraftNotTried,
        PriceAboveCap, PolicyFault.
        """
        standing = tuple(one.hash for one in self._base.in_force(business_date=business_date))
        key = (standing, product_ids)
        found = self._pairs.get(key)
        if found is None:
            finder = _TrialFinder(
                documents=self._with.documents,
                business_date=business_date,
                versions=None,
                spoken=self._with.spoken,
            )
            finder.tried = self.drafts
            before = self._base.on(business_date=business_date, product_ids=product_ids)
            try:
                after = assemble(finder=finder, product_ids=self._still_offered(product_ids))
            except (PolicyMissing, RuleMissing) as missing:
                files = ", ".join(one.file for one in self.drafts.values())
                raise DraftNotTried(f"{files}: {missing.message} Hand it in as well, or correct the name.") from None
            found = Pair(before, after)
            if len(self._pairs) >= STRATEGIES_MAX:
                self._pairs.clear()
            self._pairs[key] = found
        # The same versions on another day differ by the ceilings of that day alone.
        return Pair(*(one if one.business_date == business_date else one.later(day=business_date) for one in found))

    def _still_offered(self, product_ids: tuple[str, ...]) -> tuple[str, ...]:
        """Return the products that the drafts leave on offer: a draft may end one."""
        ended = {key for key, one in self.drafts.items() if one.kind == "product" and one.body["status"] != "active"}
        return tuple(name for name in product_ids if f"product/{name}" not in ended)

    def changes(self, *, business_date: date) -> dict[str, tuple[Change, ...]]:
        """Return, for each draft as "kind/id", what differs from the version in force on a day, cell by cell."""
        standing = {key_of(one): one for one in self._base.in_force(business_date=business_date)}
        return {key: differences(before=standing.get(key), after=draft) for key, draft in self.drafts.items()}
