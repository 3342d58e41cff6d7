"""The text of a PDF as Typst writes it, for tests that read papers: fonts with a map to Unicode, streams deflated."""

from __future__ import annotations

import re
import zlib
from typing import Final

_OBJECT: Final = re.compile(rb"(\d+) 0 obj(.*?)endobj", re.S)
_STREAM: Final = re.compile(rb"stream\r?\n(.*)\r?\nendstream", re.S)
_CHARS: Final = re.compile(rb"beginbfchar(.*?)endbfchar", re.S)
_RANGES: Final = re.compile(rb"beginbfrange(.*?)endbfrange", re.S)
_CHAR: Final = re.compile(rb"<([0-9A-Fa-f]{4})>\s*<([0-9A-Fa-f]+)>")
_RANGE: Final = re.compile(rb"<([0-9A-Fa-f]{4})>\s*<([0-9A-Fa-f]{4})>\s*<([0-9A-Fa-f]+)>")
_FONT: Final = re.compile(rb"/([A-Za-z0-9]+)\s+(\d+) 0 R")
_PAGE: Final = re.compile(rb"/Type/Page/Resources (\d+) 0 R.*?/Contents (\d+) 0 R", re.S)
# A literal may hold brackets that match, as glyphs 40 and 41 are written: as deep as a line has them.
_PLAIN: Final = rb"\\.|[^\\()]"
_ONCE: Final = rb"(?:" + _PLAIN + rb"|\((?:" + _PLAIN + rb")*\))*"
_TWICE: Final = rb"(?:" + _PLAIN + rb"|\(" + _ONCE + rb"\))*"
_INSIDE: Final = rb"(?:" + _PLAIN + rb"|\(" + _TWICE + rb"\))*"
_SHOWN: Final = re.compile(rb"/([A-Za-z0-9]+)\s+[\d.-]+\s+Tf|<([0-9A-Fa-f]+)>|\((" + _INSIDE + rb")\)", re.S)

_ESCAPED: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def text_of(pdf: bytes) -> str:
    """Return the text of a PDF without its blanks, page after page in the order in which it is drawn."""
    objects = {int(number): body for number, body in _OBJECT.findall(pdf)}
    streams = {number: _inflated(body) for number, body in objects.items()}
    maps = {
        number: _unicode_of(streams[int(named[1])])
        for number, body in objects.items()
        if (named := re.search(rb"/ToUnicode\s+(\d+) 0 R", body))
    }
    said: list[str] = []
    for _, body in sorted(objects.items()):
        page = _PAGE.search(body)
        if page is not None:  # each page has fonts of its own by the same names
            named = _FONT.findall(objects[int(page[1])])
            fonts = {name: maps[int(number)] for name, number in named if int(number) in maps}
            said.append(_read(streams[int(page[2])], fonts))
    return "".join(said)


def _inflated(body: bytes) -> bytes:
    found = _STREAM.search(body)
    if found is None:
        return b""
    try:
        return zlib.decompress(found[1])
    except zlib.error:
        return found[1]


def _unicode_of(stream: bytes) -> dict[int, str]:
    known: dict[int, str] = {}
    for block in _CHARS.findall(stream):
        for glyph, text in _CHAR.findall(block):
            known[int(glyph, 16)] = bytes.fromhex(text.decode()).decode("utf-16-be")
    for block in _RANGES.findall(stream):
        for first, last, text in _RANGE.findall(block):
            for place, glyph in enumerate(range(int(first, 16), int(last, 16) + 1)):
                known[glyph] = chr(int(text, 16) + place)
    return known


def _read(stream: bytes, fonts: dict[bytes, dict[int, str]]) -> str:
    said: list[str] = []
    font: dict[int, str] = {}
    for name, hexadecimal, literal in _SHOWN.findall(stream):
        if name:
            font = fonts.get(name, {})
            continue
        shown = bytes.fromhex(hexadecimal.decode()) if hexadecimal else _unescaped(literal)
        said += [font.get(int.from_bytes(shown[at : at + 2], "big"), "") for at in range(0, len(shown), 2)]
    return "".join("".join(said).split())


def _unescaped(literal: bytes) -> bytes:
    def plain(found: re.Match[bytes]) -> bytes:
        said = found[1]
        return bytes([int(said, 8)]) if said[:1].isdigit() else _ESCAPED.get(said, said)

    return re.sub(rb"\\([0-7]{1,3}|.)", plain, literal, flags=re.S)
