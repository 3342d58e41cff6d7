"""A browser without scripts: reads forms out of pages with the standard parser, fills them, sends them, follows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlsplit

from httpx import Response
from litestar.testing import TestClient

from mingqu.borrower import make_router
from mingqu.demo.journey import work_until_idle
from mingqu.demo.world import Newcomer
from mingqu.domain.moment import start_of
from mingqu.services.close.close_day import bring_up_today, close_through
from mingqu.web.site import make_site
from tests.world import OpenWorld

READING: Final = timedelta(seconds=11)
NOON: Final = timedelta(hours=12)
CARD_BALANCE_FEN: Final = 6_000_000


@dataclass(kw_only=True)
class PageForm:
    """A form as it stands in a page: where it goes, and what it would send untouched."""

    action: str
    method: str
    id: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)


class Page(HTMLParser):
    """What a page holds: forms with their fields, links, texts."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer, self.status = answer, answer.status_code
        self.forms: list[PageForm] = []
        self.links: list[str] = []
        self.ids: dict[str, str] = {}
        self.problems: list[str] = []
        self._open: list[PageForm] = []
        self._quiet = 0
        self._words: list[str] = []
        self.language = ""
        self.feed(answer.text)
        self.text = " ".join("".join(self._words).split())

    @property
    def path(self) -> str:
        """Where the page is, with its query."""
        found = urlsplit(str(self.answer.url))
        return f"{found.path}?{found.query}" if found.query else found.path

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if "style" in values or any(name.startswith("on") for name in values):
            self.problems.append(f"inline style or handler in <{tag}>")
        if "id" in values:
            if values["id"] in self.ids:
                self.problems.append(f"the id {values['id']} twice")
            self.ids[values["id"]] = tag
        if tag == "html":
            self.language = values.get("lang", "")
        elif tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "form":
            made = PageForm(
                action=values.get("action", ""), method=values.get("method", "get"), id=values.get("id", "")
            )
            self.forms.append(made)
            self._open.append(made)
        elif tag in ("script", "style", "title"):
            self._quiet += 1
            if tag == "script" and "src" not in values:
                self.problems.append("an inline script")
        elif tag in ("input", "select", "option") and self._open:
            self._field(tag, values)

    def _field(self, tag: str, values: Mapping[str, str]) -> None:
        form, name = self._open[-1], values.get("name", "")
        if tag == "select":
            self._select = name
            return
        if tag == "option":
            form.choices.setdefault(self._select, []).append(values.get("value", ""))
            form.fields.setdefault(self._select, values.get("value", ""))
            if "selected" in values:
                form.fields[self._select] = values.get("value", "")
            return
        if not name:
            return
        if values.get("type") in ("radio", "checkbox"):
            form.choices.setdefault(name, []).append(values.get("value", ""))
            if "checked" in values:
                form.fields[name] = values.get("value", "")
        else:
            form.fields[name] = values.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._open:
            self._open.pop()
        elif tag in ("script", "style", "title"):
            self._quiet -= 1

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self._words.append(data + " ")

    def form(self, action: str) -> PageForm:
        """Return the form that goes to a path (or begins with it)."""
        found = [one for one in self.forms if one.action == action or one.action.startswith(f"{action}/")]
        assert len(found) == 1, f"{self.path}: forms to {action}: {[one.action for one in self.forms]}\n{self.text}"
        return found[0]

    @property
    def main_form(self) -> PageForm:
        """Return the form of the page's own step."""
        return next(one for one in self.forms if one.id == "form" or one.action.startswith("/cost-tables/"))


class Phone:
    """One person's browser at the pages of a house."""

    def __init__(self, world: OpenWorld, *, language: str = "zh") -> None:
        self.world = world
        site = make_site(world.house, routers=[make_router(world.house, secure_cookies=False)])
        self.client = TestClient(site, base_url="http://mingqu.test", raise_server_exceptions=True)
        self.client.headers["accept-language"] = "en-GB,en" if language == "en" else "zh-CN,zh"
        self.language = language
        self.newcomer: Newcomer | None = None
        self.seen: list[str] = []

    def get(self, path: str) -> Page:
        """Open a page and check what every page must be."""
        return self._page(self.client.get(path, follow_redirects=True))

    def send(self, form: PageForm, **values: str) -> Page:
        """Fill in a form, send it as the browser would, and follow."""
        return self._page(self.post(form.action, {**form.fields, **values}, follow=True))

    def post(self, path: str, fields: Mapping[str, str], *, follow: bool = False) -> Response:
        """Send fields as they are."""
        headers = {"origin": "http://mingqu.test", "sec-fetch-site": "same-origin"}
        return self.client.post(path, data=dict(fields), headers=headers, follow_redirects=follow)

    def _page(self, answer: Response) -> Page:
        assert answer.headers["content-type"].startswith("text/html"), (answer.url, answer.text[:300])
        page = Page(answer)
        assert page.problems == [], (page.path, page.problems)
        assert page.language == ("en" if self.language == "en" else "zh-CN")
        assert "None" not in page.text.split(), page.text
        for form in page.forms:
            if form.method == "post":
                assert form.fields["csrf"], f"{page.path}: the form to {form.action} has no token"
        self.seen.append(re.sub(r"[0-9a-f]{32}", "#", page.path.partition("?")[0]))
        return page

    def sign_in(self, newcomer: Newcomer) -> Page:
        """Come in with a code."""
        self.newcomer = newcomer
        page = self.get("/sign-in")
        page = self.send(page.form("/sign-in/code"), phone=newcomer.phone.reveal())
        return self.send(page.form("/sign-in"), code=self.world.read_code(newcomer.phone).reveal())

    def agree(self, page: Page) -> Page:
        """Tick the box of a page that asks for a consent, and go on."""
        return self.send(page.form("/consents/ask"), agree="yes")

    def prove_identity(self, newcomer: Newcomer) -> Page:
        """Consent, then prove name, number, card and phone."""
        page = self.agree(self.get("/identity"))
        page = self.send(page.form("/identity/code"), phone=newcomer.phone.reveal())
        return self.send(
            page.form("/identity/card"),
            name=newcomer.name.reveal(),
            id_number=newcomer.id_number.reveal(),
            card_number=newcomer.card_number.reveal(),
            code=self.world.read_code(newcomer.phone).reveal(),
        )

    def be_assessed(self, newcomer: Newcomer, *, amount: str) -> Page:
        """Give the two consents, each alone, and apply."""
        page = self.agree(self.agree(self.get("/apply")))
        return self.send(page.form("/apply"), amount=amount, income=str(newcomer.monthly_income_fen // 100))

    def choose_offer(self, *, amount: str, instalments: int = 12, method: str = "equal_instalment") -> Page:
        """Ask for offers and choose the first; the page of its cost table comes back."""
        page = self.get("/draw")
        page = self.send(page.form("/offers"), amount=amount, instalments=str(instalments), method=method)
        form = page.form("/offers/choose")
        assert "offer" not in form.fields, "an offer is chosen beforehand"
        return self.send(form, offer=form.choices["offer"][0])

    def read_table(self, page: Page) -> Page:
        """Read the cost table for long enough and confirm it."""
        self.world.go_to(self.world.house.clock.now() + READING)
        return self.send(page.main_form)

    def agree_to_deductions(self, newcomer: Newcomer) -> Page:
        """Switch deductions on, with the bank's code."""
        page = self.agree(self.get("/agreement?next=%2Fme"))
        form = page.form("/agreement")
        page = self.send(form, card=form.choices["card"][0])
        return self.send(page.main_form, code=self.world.read_code(newcomer.phone).reveal())

    def sign(self, page: Page) -> Page:
        """Consent to the lender if that is asked, and sign."""
        if "/consents/ask" in page.path:
            page = self.agree(page)
        return self.send(self.ask_for_code(page).main_form, agree="yes", code=self.code())

    def ask_for_code(self, page: Page) -> Page:
        """Have the code sent that signs a contract, a minute after the last; the page of the contract comes back."""
        self.world.go_to(self.world.house.clock.now() + timedelta(minutes=1))
        form = page.main_form
        return self._page(self.post(f"{form.action}/code", form.fields, follow=True))

    def code(self) -> str:
        """Return the code in the newest message to whoever signed in."""
        assert self.newcomer is not None
        return self.world.read_code(self.newcomer.phone).reveal()

    def borrow(
        self, newcomer: Newcomer, *, amount: str, instalments: int = 12, method: str = "equal_instalment"
    ) -> Page:
        """Go the whole way from the door to the signed contract; the page of the payout comes back."""
        self.world.meet(newcomer, balance_fen=CARD_BALANCE_FEN)
        self.sign_in(newcomer)
        self.prove_identity(newcomer)
        self.be_assessed(newcomer, amount=amount)
        table = self.choose_offer(amount=amount, instalments=instalments, method=method)
        return self.sign(self.read_table(table))

    def receive(self) -> None:
        """Let the worker do what is due."""
        work_until_idle(self.world)


def live_until(world: OpenWorld, day: date) -> None:
    """Let days pass: mornings, deductions, closes; stop at noon of the day."""
    house = world.house
    today = house.clock.business_date()
    while today < day:
        bring_up_today(house)
        world.go_to(max(house.clock.now(), start_of(today) + timedelta(hours=9, minutes=5)))
        work_until_idle(world)
        world.go_to_date(today + timedelta(days=1))
        close_through(house, to=today)
        today += timedelta(days=1)
    bring_up_today(house)
    world.go_to(max(house.clock.now(), start_of(day) + NOON))
    work_until_idle(world)
