"""What axe finds wrong with a page. Only that is brought back: what is right or left undecided fills megabytes."""

from __future__ import annotations

from typing import Any, Final

from playwright.sync_api import Page

from tests.tidy.tree import PACKAGE

AXE: Final = PACKAGE / "web" / "vendor" / "axe.min.js"
LAW: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa")
_RUN: Final = """tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})
    .then(found => found.violations.map(one => `${one.id}: ${one.nodes[0].html.slice(0, 160)}`))"""


def complaints(page: Page, *, tags: tuple[str, ...] = LAW) -> list[str]:
    """Return what breaks the rules with these tags, one line each."""
    # Evaluated from the test, not loaded by the page: its content policy forbids what is not the site's own.
    page.evaluate(AXE.read_text(encoding="utf-8") + "; 0")
    found: Any = page.evaluate(_RUN, list(tags))
    return list(found)
