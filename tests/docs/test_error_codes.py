"""Every refusal has one stable code, and the page of codes names them all."""

from __future__ import annotations

from typing import ClassVar

from mingqu.domain.refusal import Refusal
from tests.docs.error_codes import PAGE, faults, page, refusals


def test_every_refusal_has_a_code_of_its_own_and_says_what_it_means() -> None:
    assert faults(refusals()) == []


def test_the_page_of_error_codes_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(refusals()), "run: python -m tests.docs.write_error_codes"


def test_planted_faults_are_caught() -> None:
    # Built here and never named `mingqu.…`, so that the real list does not see them.
    silent = type("Silent", (Refusal,), {"code": "silent", "__module__": "planted"})
    shouting = type("Shouting", (Refusal,), {"code": "SHOUTING", "__doc__": "Loud.", "__module__": "planted"})
    nameless = type("Nameless", (Refusal,), {"__doc__": "Has none.", "__module__": "planted"})
    first = type("First", (Refusal,), {"code": "taken", "__doc__": "One.", "__module__": "planted"})
    second = type("Second", (Refusal,), {"code": "taken", "__doc__": "Two.", "status": 200, "__module__": "planted"})
    assert faults([silent, shouting, nameless, first, second]) == [
        "planted.Silent does not say what it means",
        "planted.Shouting: 'SHOUTING' is not written like_this",
        "planted.Nameless has no code of its own",
        "planted.Second: taken belongs to planted.First",
        "planted.Second: 200 is not the status of a refusal",
    ]


def test_the_page_changes_when_a_refusal_changes() -> None:
    class Planted(Refusal):
        """A row | of the page."""

        code: ClassVar[str] = "planted"

    assert any(line.startswith("| `planted` | 422 | A row \\| of the page. |") for line in page([Planted]).splitlines())


def test_what_the_door_refuses_is_on_the_page() -> None:
    assert "| `body_too_large` | 413 | " in page([])
