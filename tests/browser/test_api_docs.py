"""The description of the API in a browser: it is read, and asked from the page."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from mingqu import api
from mingqu.demo.people import XIA
from mingqu.web.pace import Pace
from mingqu.web.server import listen, serving
from mingqu.web.site import make_site
from tests.browser.eyes import LAW, complaints
from tests.browser.visitor import PICTURES
from tests.world import OpenWorld

pytestmark = pytest.mark.xdist_group("browser")
_FORMS = "[...document.querySelectorAll('form.try')].map((one) => ({...one.dataset, id: one.parentNode.id}))"


def ask(page: Any, operation: str, *, answer: str, **fields: str) -> str:
    """Open an operation, fill in its form, send it; return what was answered."""
    place = page.locator(f"#{operation}")
    if place.get_attribute("open") is None:
        place.locator("summary").click()
    for name, value in fields.items():
        place.locator("textarea" if name == "body" else f"input[name={name}]").fill(value)
    place.locator("button").click()
    expect(place.locator(".answer")).to_contain_text(answer)
    return str(place.locator(".answer").inner_text())


def test_whoever_reads_the_description_can_ask_from_it(world: OpenWorld) -> None:
    if shutil.which("chromium") is None:
        pytest.skip("no chromium on this machine: `make browser-deps` installs it")
    site = make_site(world.house, routers=[api.make_router(world.house, pace=Pace())], openapi=api.openapi())
    heard: list[str] = []
    phone = XIA.phone.reveal()
    with listen(port=0) as door, serving(site, door=door) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 375, "height": 812})
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.goto(f"{address}/v1/docs")
        shown = page.evaluate(_FORMS)
        by_path = {f"{one['path']} {one['method']}": one["id"] for one in shown}
        ask(page, by_path["/v1/me GET"], answer="401")
        ask(page, by_path["/v1/codes POST"], answer="204", body=json.dumps({"phone": phone, "purpose": "sign_in"}))
        code = world.read_code(XIA.phone).reveal()
        ask(page, by_path["/v1/sessions POST"], answer="201", body=json.dumps({"phone": phone, "code": code}))
        assert page.locator("#token").input_value()
        assert '"verified": false' in ask(page, by_path["/v1/me GET"], answer="200")
        assert complaints(page, tags=(*LAW, "best-practice")) == []
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        PICTURES.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(PICTURES.parent / "api.docs.narrow.png"))
        browser.close()
    assert heard == []
