"""Plans of funding and figures of funders, on disk."""

from __future__ import annotations

from pathlib import Path

from mingqu.domain.funding import FundingBook, parse_funding
from mingqu.store.decisions.policy import read_document


def load_funding(folder: Path) -> FundingBook:
    """Return the plans and funders of a folder of policies: its files under `funding`. Errors: PolicyFault."""
    files = sorted((folder / "funding").glob("*.toml"))
    return parse_funding(documents=[read_document(path, file=f"funding/{path.name}") for path in files])
