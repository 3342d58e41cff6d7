"""A person with a real browser: opens pages, looks at each for any eyes and fingers, keeps a picture."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from litestar import Router
from playwright.sync_api import Page, sync_playwright

from mingqu.borrower import make_router
from mingqu.demo.world import Newcomer
from mingqu.web.server import listen, serving
from mingqu.web.site import make_site
from tests.browser.eyes import AXE, LAW, complaints
from tests.journeys.sandbox_world import SandboxWorld
from tests.tidy.tree import ROOT
from tests.world import OpenWorld

PICTURES: Final = ROOT / "build" / "screenshots" / "borrower"
PHONE_WIDTHS: Final = (320, 375, 414)
TAP_MIN: Final = 44
# Whole pixels of a box are compared, so half of one is nothing.
_TAPS: Final = """least => [...document.querySelectorAll('a, button, summary, select, label.pick, .seg label')]
    .filter(one => !one.classList.contains('skip'))
    .map(one => [one.getBoundingClientRect(), one.outerHTML.slice(0, 120)])
    .filter(([box]) => box.width && box.height < least - .5).map(([box, text]) => `${box.height}: ${text}`)"""
# Whoever goes by keyboard sees where they are. A field shows it by its lower edge, a choice by its dot.
_UNSEEN: Final = """() => {
    const there = document.activeElement;
    const found = [...document.querySelectorAll('a, button, summary, textarea')].filter(one => {
        if (one.tabIndex < 0 || !one.getBoundingClientRect().width) return false;
        one.focus({preventScroll: true, focusVisible: true});
        return document.activeElement === one && getComputedStyle(one).outlineStyle === 'none';
    }).map(one => one.outerHTML.slice(0, 120));
    if (there && there !== document.body) there.focus({preventScroll: true}); else document.activeElement.blur();
    return found;
}"""
_OVERFLOW: Final = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Visitor:
    """One person's window."""

    def __init__(self, *, page: Page, address: str, world: OpenWorld | SandboxWorld, pictures: Path) -> None:
        self.page, self.address, self.world, self.pictures = page, address, world, pictures
        self.faults: list[str] = []
        self._count = 0
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))

    def _heard(self, message: Any) -> None:
        refused = "Failed to load resource" in message.text and "(Not Found)" not in message.text
        if message.type in ("error", "warning") and not refused:  # a refusal is a page with its status
            self.faults.append(f"{self.page.url}: {message.text}")

    def go(self, path: str) -> None:
        """Open a page."""
        self.page.goto(self.address + path)

    def press(self) -> None:
        """Press the page's main button."""
        self.page.locator(".bar .weui-btn_primary, dialog .weui-btn_primary").last.click()
        self.page.wait_for_load_state()

    def agree(self) -> None:
        """Tick the last box and go on."""
        self.page.locator("label.pick").last.click()
        self.press()

    def fill(self, **values: str) -> None:
        """Write into fields by their ids."""
        for name, value in values.items():
            self.page.fill(f"#{name}", value)

    def code(self, newcomer: Newcomer) -> str:
        """Return the newest code on a person's phone."""
        return self.world.read_code(newcomer.phone).reveal()

    def sign_in(self, newcomer: Newcomer) -> None:
        """Come in with a code."""
        self.go("/sign-in")
        self.fill(phone=newcomer.phone.reveal())
        self.press()
        self.fill(code=self.code(newcomer))
        self.press()

    def look(self, name: str) -> None:
        """Keep a picture, and find what would not do: overflow, small targets, what axe finds."""
        self._count += 1
        self.page.screenshot(path=str(self.pictures / f"{self._count:02d}-{name}.png"), full_page=True)
        size = self.page.viewport_size
        assert size is not None
        for width in PHONE_WIDTHS if size["width"] in PHONE_WIDTHS else (size["width"],):
            self.page.set_viewport_size({"width": width, "height": size["height"]})
            over = self.page.evaluate(_OVERFLOW)
            if over > 0:
                self.faults.append(f"{name}: {over} pixels too wide at {width}")
        self.page.set_viewport_size(size)
        self.faults += [f"{name}: a target is low: {one}" for one in self.page.evaluate(_TAPS, TAP_MIN)]
        self.faults += [f"{name}: {one}" for one in complaints(self.page, tags=(*LAW, "best-practice"))]

    def go_by_keyboard(self, name: str) -> None:
        """Find what can be reached by keyboard on a page and does not show that it was."""
        self.page.keyboard.press("Shift")  # who looks now goes by keyboard: only then is focus shown
        self.faults += [f"{name}: no focus is seen on {one}" for one in self.page.evaluate(_UNSEEN)]


@contextmanager
def open_window(
    world: OpenWorld | SandboxWorld,
    *,
    language: str,
    width: int,
    height: int,
    scheme: str = "light",
    name: str = "",
    agent: str | None = None,
    also: Sequence[Router] = (),
) -> Iterator[Visitor]:
    """Serve the house's pages and open a window on them; skip where there is no browser or no assets."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine: `make browser-deps` installs it")
    if not AXE.exists():
        pytest.skip("the assets are not built: `make setup` builds them")
    pictures = PICTURES / (name or f"{language}-{width}x{height}-{scheme}")
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    site = make_site(world.house, routers=[*also, make_router(world.house, secure_cookies=False)])
    with listen(port=0) as door, serving(site, door=door) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(
            viewport={"width": width, "height": height},
            locale="en-GB" if language == "en" else "zh-CN",
            color_scheme="dark" if scheme == "dark" else "light",
            user_agent=agent,
        )
        try:
            yield Visitor(page=context.new_page(), address=address, world=world, pictures=pictures)
        finally:
            browser.close()
