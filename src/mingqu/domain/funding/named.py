"""The joint lenders of a revolving product as they are told to whoever agrees to it: source by source, with shares.

Which source funds an account is chosen with its first purchase or draw, after its terms were agreed to. So the terms
name every joint source of the product, and one that was not named funds nothing of the account.

Sources: 商业银行互联网贷款管理暂行办法 2020 and 银保监办发〔2021〕24号 (who lends which share is told).
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from mingqu.domain.funding.share import Funding, Share


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedLender:
    """One lender of a joint source: who, under which licence, with which part of the claim."""

    lender_id: UUID
    name_zh: str
    name_en: str
    licence: str
    share_ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JointSource:
    """A joint source as it is told: its lenders in their order, whom the borrower pays first."""

    source_id: str
    lenders: tuple[NamedLender, ...]

    @property
    def funding(self) -> Funding:
        """Whose the account would be."""
        return Funding(shares=tuple(Share(lender_id=one.lender_id, ppm=one.share_ppm) for one in self.lenders))
