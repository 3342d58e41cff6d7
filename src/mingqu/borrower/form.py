"""The fields of a posted form, read one by one and named when they are missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final
from uuid import UUID

from mingqu.domain.identifier import parse
from mingqu.domain.money import parse_yuan
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal

FIELD_LENGTH_MAX: Final = 200  # no field of these pages takes a longer text
PATH_LENGTH_MAX: Final = 1_000  # an address that lists every offer of a person fits
IDENTIFIERS_LENGTH_MAX: Final = 33 * 20  # twenty ids with their commas


class FieldMissing(Refusal):
    """A field of the form is empty or not there; `field` names it."""

    code: ClassVar[str] = "field_missing"


class Form:
    """What was posted. Every text is trimmed; nothing of it is printed or logged."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def text(self, name: str) -> str:
        """Return a field. Errors: FieldMissing."""
        found = self.optional(name)
        if not found:
            raise FieldMissing("Fill in this field.", field=name)
        return found

    def optional(self, name: str) -> str:
        """Return a field, or an empty text."""
        value = self._fields.get(name, "")
        return value.strip()[:FIELD_LENGTH_MAX] if isinstance(value, str) else ""

    def passage(self, name: str, *, most: int) -> str:
        """Return a longer text, of at most one sign more than it may have, so that too long is seen as such."""
        value = self._fields.get(name, "")
        return value.strip()[: most + 1] if isinstance(value, str) else ""

    def identifiers(self, name: str) -> list[UUID]:
        """Return the ids that a field lists, separated by commas. Errors: MalformedIdentifier."""
        value = self._fields.get(name, "")
        listed = value[:IDENTIFIERS_LENGTH_MAX] if isinstance(value, str) else ""
        return [parse(one) for one in listed.split(",") if one]

    def secret(self, name: str) -> Personal[str]:
        """Return a field that holds personal data. Errors: FieldMissing."""
        return Personal(self.text(name))

    def digits(self, name: str) -> Personal[str]:
        """Return a field of digits as people write them, without the spaces between. Errors: FieldMissing."""
        return Personal("".join(self.text(name).split()).replace("-", ""))

    def fen(self, name: str) -> int:
        """Return an amount written in yuan, in fen. Errors: FieldMissing, AmountMalformed, AmountOutOfRange."""
        return parse_yuan(self.text(name)).fen

    def number(self, name: str) -> int:
        """Return a small whole number. Errors: FieldMissing."""
        found = self.text(name)
        if not (found.isascii() and found.isdigit() and len(found) <= 6):
            raise FieldMissing("Choose one of the numbers.", field=name)
        return int(found)

    def identifier(self, name: str) -> UUID:
        """Return an id. Errors: FieldMissing, MalformedIdentifier."""
        return parse(self.text(name))

    def agreed(self, name: str) -> bool:
        """Return whether a box was ticked."""
        return self.optional(name) == "yes"

    @property
    def csrf(self) -> str:
        """The form's token."""
        return self.optional("csrf")

    @property
    def key(self) -> str:
        """The key made when the form was rendered: the same form sent twice is one command. Errors: FieldMissing."""
        return self.text("key")

    @property
    def back_to(self) -> str:
        """Where to go afterwards: a path of this site, or the home page."""
        wish = self._fields.get("next", "")
        return own_path(wish) if isinstance(wish, str) else "/"


def own_path(wish: str) -> str:
    """Return a path of this site as wished, or "/" for anything that could lead elsewhere.

    Example: "/loans?a=1" stays; "//elsewhere", "https://elsewhere" and "/\\elsewhere" become "/".
    """
    plain = wish.isascii() and wish.isprintable() and len(wish) <= PATH_LENGTH_MAX
    return wish if plain and wish.startswith("/") and not wish.startswith("//") and "\\" not in wish else "/"
