"""The console in a real browser: wide and narrow, both languages, light and dark; nothing overflows, nothing complains.

What is seen is kept in build/screenshots, for whoever wants to look at it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from mingqu.channels.fake.faults import Fault
from mingqu.console import make_router, report
from mingqu.demo.journey import Borrowed, be_assessed, introduce, take_loan, work_until_idle
from mingqu.demo.people import CHUAN, XIA, ZHOU
from mingqu.services.close.close_day import bring_up_today, close_through
from mingqu.services.decisions.read_limit import decision_view
from mingqu.services.evidence.publish_evidence import publish_evidence
from mingqu.services.limits.follow_funding import follow_funding
from mingqu.web import assets
from mingqu.web.server import address_of, listen, serving
from mingqu.web.site import make_site
from tests.browser.eyes import complaints
from tests.console import PASSWORD, employ
from tests.funding import with_funding
from tests.soak import SOAK
from tests.world import OpenWorld

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests take the package playwright")

CHROMIUM: Final = shutil.which("chromium")
SHOTS: Final = Path(__file__).resolve().parents[2] / "build" / "screenshots"
_ALL: Final = (("wide", "zh", "light"), ("wide", "en", "dark"), ("narrow", "zh", "dark"), ("narrow", "en", "dark"))
_TWO: Final = (("wide", "zh", "light"), ("narrow", "en", "dark"))  # each size, language and scheme once
LOOKS: Final = _ALL if SOAK else _TWO
SIZES: Final = {"wide": (1440, 900), "narrow": (375, 812)}

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: `make browser-deps` installs it"),
    pytest.mark.skipif(not assets.is_built("vendor/htmx.min.js"), reason="the assets are not built: `make setup`"),
]


@contextmanager
def served(world: OpenWorld) -> Iterator[str]:
    """Serve the console of a house on a free port of this machine."""
    site = make_site(world.house, routers=[make_router(world.house, secure_cookies=False)])
    with listen(port=0) as door, serving(site, door=door):
        yield address_of(door)


def a_book(world: OpenWorld) -> dict[str, str]:
    """Let two people borrow, one be refused, one payout fall silent and six weeks pass; the pages to look at."""
    taken: list[Borrowed] = []
    for person, amount_fen in ((XIA, 1_000_000), (ZHOU, 600_000)):
        known = introduce(world, person, balance_fen=6_000_000)
        be_assessed(world, known, amount_fen=amount_fen)
        taken.append(take_loan(world, known, amount_fen=amount_fen, instalments=6, method="equal_instalment"))
        work_until_idle(world)
    refused = introduce(world, CHUAN, balance_fen=0)
    be_assessed(world, refused, amount_fen=800_000)
    world.deposit(ZHOU, -world.balance_fen(ZHOU))
    house = world.house
    while (day := house.clock.business_date()) < date(2026, 9, 24):
        bring_up_today(house)
        world.go_to(house.clock.now() + timedelta(hours=9, minutes=5))
        work_until_idle(world)
        world.go_to_date(day + timedelta(days=1))
        close_through(house, to=day)
        follow_funding(house)
    world.go_to(house.clock.now() + timedelta(hours=10))
    second = take_loan(world, taken[0].known, amount_fen=300_000, instalments=6, method="equal_instalment")
    world.silence_next_payout()
    work_until_idle(world)
    publish_evidence(house)
    made = decision_view(house, person_id=refused.person_id)
    for role in ("operations", "auditor"):
        employ(house, role)
    return {
        "today": "/console",
        "queues": "/console/queues",
        "customers": "/console/customers",
        "customer": f"/console/customers/{taken[0].known.person_id.hex}",
        "loans": "/console/loans",
        "loan": f"/console/loans/{taken[1].signed.loan_id.hex}",
        "grievances": "/console/grievances",
        "collection": "/console/collection",
        "case": f"/console/collection/{taken[1].signed.loan_id.hex}",
        "decisions": "/console/decisions",
        "decision": f"/console/decisions/{made.decision_id.hex}",
        "evidence": "/console/evidence",
        "leaf": f"/console/evidence?leaf={_place(house.database, taken[0].signed.contract_id)}",
        "portfolio": "/console/reports/portfolio",
        "vintage": "/console/reports/vintage",
        "roll-rate": "/console/reports/roll-rate",
        "funnel": "/console/reports/funnel",
        "funds": "/console/funds",
        "access": "/console/access",
        "account": "/console/account",
        "silent": second.signed.payout_order_id.hex,
    }


def _place(database: Any, subject_id: UUID) -> str:
    from mingqu.store import evidence

    with database.transaction() as tx:
        found = evidence.leaf_about(tx, subject_id=subject_id)
    assert found is not None
    return f"{found[0]}/{found[1]}"


@pytest.fixture
def browser() -> Iterator[Any]:
    """A Chromium of this machine."""
    with playwright.sync_playwright() as playing:
        running = playing.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@contextmanager
def desk(browser: Any, address: str, *, size: str, language: str, scheme: str, name: str) -> Iterator[Any]:
    """Open a page of a size, language and color scheme, and sign in; nothing may be complained about meanwhile."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        locale="zh-CN" if language == "zh" else "en-US",
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}/console/sign-in")
    assert look(page, f"sign-in.{size}.{language}.{scheme}") == []
    page.fill("[name=name]", name)
    page.fill("[name=password]", PASSWORD)
    page.click("button.primary")
    page.wait_for_url(f"{address}/console")
    yield page
    assert complaints == []
    context.close()


def closely(number: int, size: str) -> bool:
    """Whether the page of this number is looked at closely in this size: each in one of the two, and in a soak in all.

    A close look takes a second, most of it axe's; whether anything is beyond the edge takes no time.
    """
    return SOAK or (number % 2 == 0) == (size == "wide")


def look(page: Any, name: str, *, closely: bool = True) -> list[str]:
    """Return what is wrong with a page: a part beyond the edge, or what axe finds; keep a picture of a close look."""
    page.wait_for_load_state()
    beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    wrong: list[str] = []
    if closely:
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOTS / f"console.{name}.png", full_page=True)
        wrong = [f"{name} {one}" for one in complaints(page)]
    return [*wrong, f"{name} is {beyond} px wider than the screen"] if beyond > 0 else wrong


def test_every_screen_is_clean_wide_and_narrow_in_both_languages(
    world: OpenWorld, browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "LINE_LOANS_MIN", 1)  # two loans are a line here
    world = with_funding(world)
    pages = a_book(world)
    pages.pop("silent")
    wrong: list[str] = []
    with served(world) as address:
        for size, language, scheme in LOOKS:
            with desk(browser, address, size=size, language=language, scheme=scheme, name="auditor") as page:
                for number, (name, path) in enumerate(pages.items()):
                    page.goto(address + path)
                    wrong += look(page, f"{name}.{size}.{language}.{scheme}", closely=closely(number, size))
    assert not wrong, "\n".join(wrong)


def test_a_morning_by_keyboard(world: OpenWorld, browser: Any) -> None:
    pages = a_book(world)
    world.bank.faults.plan("bank.ask", Fault.LOSE_REQUEST)
    world.go_to(world.house.clock.now() + timedelta(seconds=11))
    with (
        served(world) as address,
        desk(browser, address, size="wide", language="zh", scheme="light", name="operations") as page,
    ):
        page.keyboard.press("g")
        page.keyboard.press("q")
        page.wait_for_url("**/console/queues")
        page.click(f"form[action*='{pages['silent']}'] button")
        page.wait_for_url("**/console/queues?asked=*")
        assert "未知" in page.inner_text("[role=status]"), "silent once more"
        world.go_to(world.house.clock.now() + timedelta(seconds=11))
        page.click(f"form[action*='{pages['silent']}'] button")
        page.wait_for_url("**answer=PAID")
        page.keyboard.press("/")
        page.keyboard.type(XIA.phone.reveal())
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/customers/*")
        assert XIA.phone.reveal() not in page.url
        assert XIA.id_number.reveal() not in page.content()
        page.keyboard.press("v")
        page.fill("[name=reason]", "客户来电核对身份")
        page.keyboard.press("Enter")
        page.wait_for_selector(f"text={XIA.id_number.reveal()}")
        page.goto(address + pages["loan"])
        page.wait_for_selector("[data-chart] svg")
        page.keyboard.press("Shift+ArrowLeft")
        page.wait_for_url("**on=2026-09-15**")
        page.keyboard.press("ArrowRight")
        page.wait_for_url("**on=2026-09-16**")
        page.goto(address + pages["leaf"])
        page.keyboard.press("v")
        page.wait_for_selector("#verified[data-result=holds]")
        page.keyboard.press("?")
        page.wait_for_selector("#keys[open]")
        assert look(page, "keys.wide.zh.light") == []
