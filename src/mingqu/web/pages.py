"""Templates of a door: strict names, texts in two languages from one file, money and dates as people read them.

A template gets primitives, `t("name")` for a text in the page's language, and filters. Texts stand in the door's
`texts.toml`, each with `zh` and `en`, and may have holes: `t("due.in", days=3)`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, partial
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, nodes
from jinja2.visitor import NodeTransformer
from litestar import MediaType, Request, Response
from markupsafe import Markup

from mingqu.web import assets

LANGUAGES: Final = ("zh", "en")
LANGUAGE_COOKIE: Final = "mingqu_language"
MARKET: Final = ZoneInfo("Asia/Shanghai")
_FEN: Final = 100
_ARTICLES: Final = re.compile(r" ?art\. ([0-9]+(?:, [0-9]+)*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The sentences of a door by name and language."""

    of: Mapping[str, Mapping[str, str]]

    def say(self, name: str, language: str, /, **holes: object) -> str:
        """Return a text in a language; a name that is not there is a bug."""
        text = self.of[name][language]
        return text.format(**holes) if holes else text


def load_texts(package: str) -> Texts:
    """Return the texts of a door: tables nest in the file, names are joined by dots."""
    raw = tomllib.loads(files(package).joinpath("texts.toml").read_text(encoding="utf-8"))
    found: dict[str, Mapping[str, str]] = {}

    def walk(prefix: str, table: Mapping[str, Any]) -> None:
        if set(table) == set(LANGUAGES) and all(isinstance(value, str) for value in table.values()):
            found[prefix] = table
            return
        for name, value in table.items():
            assert isinstance(value, dict), f"{prefix}.{name} of {package} has no zh and en"
            walk(f"{prefix}.{name}" if prefix else name, value)

    walk("", raw)
    return Texts(of=found)


class _Sentences(NodeTransformer):
    """Puts a sentence without holes into a template when it is compiled: most of a page's never change."""

    def __init__(self, texts: Texts, language: str) -> None:
        self._texts, self._language = texts, language

    def visit_Call(self, node: nodes.Call, *args: Any, **options: Any) -> nodes.Node:  # noqa: N802  The visitor's name.
        """Return the sentence that `t("name")` is, and any other call as it was."""
        match node:
            case nodes.Call(node=nodes.Name(name="t"), args=[nodes.Const(value=name)], kwargs=[]):
                return nodes.Const(self._texts.say(name, self._language), lineno=node.lineno)
        return self.generic_visit(node, *args, **options)


class _Environment(Environment):
    """Compiles the templates of a door in one language."""

    def __init__(self, *, package: str, sentences: _Sentences, language: str) -> None:
        super().__init__(
            loader=PackageLoader(package, "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,  # templates are part of the package: nobody looks for changes at each page
        )
        self._sentences = sentences
        self.globals["asset"] = assets.address
        self.filters.update({"money": money, "yuan": yuan, "day": day, "moment": moment, "percent": percent})
        self.filters["law"] = partial(law, language=language)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Look a name up in a dict, which most values of pages are, before looking for an attribute."""
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        try:
            return getattr(obj, attribute)
        except AttributeError:
            return super().getattr(obj, attribute)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        template = self._sentences.visit(super()._parse(source, name, filename))
        assert isinstance(template, nodes.Template)
        return template


class Pages:
    """Renders the templates of one door."""

    def __init__(self, *, package: str) -> None:
        self.texts = load_texts(package)
        self._environments = {
            language: _Environment(package=package, sentences=_Sentences(self.texts, language), language=language)
            for language in LANGUAGES
        }

    def show(
        self, request: Request[Any, Any, Any], template: str, *, status: int = 200, **values: object
    ) -> Response[str]:
        """Return a page in the request's language."""
        language = language_of(request)
        texts = self.texts.of

        def t(name: str, /, **holes: object) -> str:
            text = texts[name][language]
            return text.format(**holes) if holes else text

        text = (
            self._environments[language]
            .get_template(template)
            .render(
                language=language,
                path=request.url.path,
                t=t,
                **values,
            )
        )
        return Response(text, media_type=MediaType.HTML, status_code=status)


@cache
def pages_of(package: str) -> Pages:
    """Return the pages of a door, whose templates are compiled once in a process, however many sites it serves."""
    return Pages(package=package)


def language_of(request: Request[Any, Any, Any]) -> str:
    """Return the language of a request: asked for in the address, kept in a cookie, or the browser's own."""
    for wish in (request.query_params.get("language"), request.cookies.get(LANGUAGE_COOKIE)):
        if wish in LANGUAGES:
            return str(wish)
    preferred = request.headers.get("accept-language", "")
    return "en" if preferred.lower().startswith("en") else "zh"


def yuan(fen: int) -> str:
    """Return an amount in yuan with thousands. Example: 1_050_005 → 10,500.05; −5 → −0.05."""
    whole, rest = divmod(abs(fen), _FEN)
    return f"{'−' if fen < 0 else ''}{whole:,}.{rest:02d}"


def law(document: str, *, language: str) -> str:
    """Return a document of a rule as it is cited in a language: rows say "art." whatever the language.

    Example: "征信业管理条例 art. 15, 25" is 征信业管理条例第 15、25 条 in Chinese, and stays in English.
    """
    if language != "zh":
        return document
    cited = _ARTICLES.sub(lambda found: f"第 {found[1].replace(', ', '、')} 条", document)
    return cited.replace(", ", "，")


def money(fen: int) -> Markup:
    """Return an amount as markup: the value for machines, the fen smaller for people."""
    whole, rest = divmod(abs(fen), _FEN)
    sign, minus = ("-", "−") if fen < 0 else ("", "")
    # Digits, commas and a sign: there is nothing in it to escape, and a page has hundreds of amounts.
    return Markup(f'<data class="m" value="{sign}{whole}.{rest:02d}">{minus}{whole:,}<small>.{rest:02d}</small></data>')  # noqa: S704


def percent(ppm: int, digits: int = 2) -> str:
    """Return a rate of so many in a million as per cent, cut half up. Example: 195_618 → 19.56 %, written 19.56%."""
    scale = 10 ** (4 - digits)
    rounded = (ppm + scale // 2) // scale
    whole, rest = divmod(rounded, 10**digits)
    return f"{whole}.{rest:0{digits}d}%" if digits else f"{whole}%"


def day(on: date | None) -> str:
    """Return a date as 2026-08-15, or a dash."""
    return "–" if on is None else on.isoformat()


def moment(at: datetime | None) -> str:
    """Return a moment in the market's time, to the minute. Example: 2026-08-15 10:00."""
    return "–" if at is None else at.astimezone(MARKET).strftime("%Y-%m-%d %H:%M")
