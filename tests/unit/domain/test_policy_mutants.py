"""Real policy files, broken in every way that a pen can slip: each is refused at load, and the fault names the place.

The engine walks through each shipped file and makes, at every site where it fits, one mutant: a name with a typing
mistake, a value of another type, a line that is gone, a line that stands twice, swapped bounds, a hole in a grid,
a price above the cap. `make test` tries a sample that is the same each time; MINGQU_SOAK=1 tries all of them.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from mingqu.domain.decision import parse_pack
from mingqu.domain.decision.strategy import version_of
from mingqu.domain.policy_file import Document, PolicyFault
from mingqu.store.decisions.policy import read_documents
from tests.soak import SOAK

SHIPPED = read_documents()
SAMPLE: Final = 280
KINDS: Final = ("fields", "policy", "grid", "strategy", "remedies", "product", "lender", "rules", "card")
# What may be left out: it then says less, and nothing else.
OPTIONAL: Final = {"note", "about", "valid_to", "near", "changeable", "law", "training", "added", "scale"}
# These hold words or numbers that another value may rightly stand for.
FREE: Final = {"text_zh", "text_en", "remedy_zh", "remedy_en", "name_zh", "name_en", "purpose", "note", "about",
               "title_zh", "title_en", "attribution", "target", "document", "reason_zh", "reason_en", "region",
               "training", "name", "id", "reason", "source", "consent", "prohibited_uses"}  # fmt: skip
Path_ = tuple[Any, ...]


def sites(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Yield every value below with the way to it, columns of tables and entries of lists."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*path, key), one
        yield from sites(one, (*path, key))


def parent(body: Any, path: Path_) -> Any:
    for key in path[:-1]:
        body = body[key]
    return body


def mutants(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each mutant of a document with its name."""
    for path, value in sites(dict(document.body)):
        column = next(key for key in reversed(path) if isinstance(key, str))
        if "training" in path or path == ("kind",):
            continue
        for way, change in changes(document.kind, path, column, value):
            body = copy.deepcopy(dict(document.body))
            change(parent(body, path), path[-1])
            yield f"{document.file} {'.'.join(map(str, path))}: {way}", body


def changes(kind: str, path: Path_, column: str, value: Any) -> Iterator[tuple[str, Any]]:
    listed = not isinstance(path[-1], str)
    if not listed:
        yield "a typing mistake in the name", lambda holder, key: holder.update({f"{key}x": holder.pop(key)})
        if column not in OPTIONAL and path[-2:-1] != ("given",) and not _one_of_several_conditions(path):
            yield "gone", lambda holder, key: holder.pop(key)
    if isinstance(value, bool) or value is None:
        if value is not None:
            yield "a truth as text", lambda holder, key: holder.__setitem__(key, str(value).lower())
    elif isinstance(value, int):
        yield "a number as text", lambda holder, key: holder.__setitem__(key, f"{value} fen")
        yield "a number as a list", lambda holder, key: holder.__setitem__(key, [value])
    elif isinstance(value, str):
        yield "a text as a number", lambda holder, key: holder.__setitem__(key, 7)
        if column not in FREE and path[0] != "case" and path[0] != "example":
            yield "a typing mistake", lambda holder, key: holder.__setitem__(key, f"{value}x")
        if ".." in value:
            low, high = value.split("..")
            yield "swapped bounds", lambda holder, key: holder.__setitem__(key, f"{high} .. {low}")
    elif isinstance(value, list) and value:
        yield "nothing in it", lambda holder, key: holder.__setitem__(key, [])
        if len(value) > 1 and column in ("cuts", "values", "choices", "probability_ppm"):
            yield "the other way round", lambda holder, key: holder[key].reverse()
        if column in ("cells", "points", "probability_ppm", "allocation"):
            yield "a hole", lambda holder, key: holder[key].pop()
    elif isinstance(value, dict) and listed:
        yield "twice", lambda holder, key: holder.append(copy.deepcopy(holder[key]))
    if isinstance(value, dict) and {"least", "most"} <= set(value) and value["least"] < value["most"]:
        swapped = {"least": value["most"], "most": value["least"]}
        yield "swapped bounds", lambda holder, key: holder[key].update(swapped)
    if kind == "grid" and column == "cells" and isinstance(value, int) and not isinstance(value, bool):
        yield "raised beyond law", lambda holder, key: holder.__setitem__(key, value + 10**14)


def _one_of_several_conditions(path: Path_) -> bool:
    return path[-2:-1] == ("when",)


# Of several versions the newest is the one that somebody is writing.
NEWEST: Final = {(one.kind, one.body["id"]): one for one in sorted(SHIPPED, key=version_of)}.values()
ALL: Final = [(name, body) for one in NEWEST if one.kind in KINDS for name, body in mutants(one)]
# A fixed draw: the same mutants each time, some of every kind of change.
TRIED: Final = ALL if SOAK else random.Random(11).sample(ALL, SAMPLE)


def refused(name: str, body: dict[str, Any]) -> str:
    """Return "" when the mutant is refused with a full fault, otherwise what is wrong with the answer."""
    file = name.split(" ", 1)[0]
    documents = [Document(file=one.file, body=body) if one.file == file else one for one in SHIPPED]
    try:
        parse_pack(documents=documents)
    except PolicyFault as fault:
        if not (fault.file and fault.problem and fault.remedy and (fault.row or fault.column)):
            return f"{name}: the fault names no place: {fault.message}"
        return "" if fault.file == file else f"{name}: another file is blamed: {fault.message}"
    return f"{name}: accepted"


def test_there_are_mutants_of_every_kind_of_file_and_change() -> None:
    assert {name.split("/")[0] for name, _ in ALL} == {"decision", "products", "lenders", "rules", "cards"}
    ways = {name.rpartition(": ")[2] for name, _ in ALL}
    assert ways >= {"a typing mistake in the name", "gone", "twice", "a hole", "raised beyond law", "swapped bounds"}


def test_every_mutant_is_refused_and_the_fault_names_the_place() -> None:
    wrong = [said for name, body in TRIED if (said := refused(name, body))]
    assert wrong == []


def test_rows_that_others_of_their_reason_cover_only_together_are_refused() -> None:
    (newest,) = (one for one in NEWEST if one.kind == "policy")
    body: Any = copy.deepcopy(dict(newest.body))
    lenders = next(one for one in body["row"] if one["id"] == "more-than-four-lenders")
    plain = {name: value for name, value in lenders.items() if name != "near"}
    # Neither covers "over eight": one takes up to twenty, the other from fifteen on.
    body["row"] += [
        plain | {"id": "some", "when": {"lenders_count": "7 .. 20"}},
        plain | {"id": "many", "when": {"lenders_count": ">= 15"}},
        plain | {"id": "over-eight", "when": {"lenders_count": "> 8", "overdue_now": True}},
    ]
    body["row"].remove(lenders)
    with pytest.raises(PolicyFault, match="together cover it") as fault:
        parse_pack(documents=[Document(file=one.file, body=body) if one is newest else one for one in SHIPPED])
    assert (fault.value.row, fault.value.column) == ("over-eight", "when")


def test_a_column_that_stands_twice_in_a_json_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "card.json").write_text('{"kind": "card", "kind": "grid"}', encoding="utf-8")
    with pytest.raises(PolicyFault, match="'kind' stands twice"):
        read_documents(folder=tmp_path)
