"""Merchants at whose checkouts people may pay by instalments, on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mingqu.domain.checkout import Merchant, parse_merchants
from mingqu.store.decisions.policy import read_document


def load_merchants(folder: Path) -> Mapping[str, Merchant]:
    """Return the merchants of a folder of policies by their code: the last version of its file. Errors: PolicyFault."""
    files = sorted((folder / "merchants").glob("merchants-*.toml"))
    documents = [read_document(path, file=f"merchants/{path.name}") for path in files]
    if not documents:
        return {}
    newest = max(documents, key=lambda one: one.reader().integer("version", least=1, most=9_999))
    return parse_merchants(document=newest)
