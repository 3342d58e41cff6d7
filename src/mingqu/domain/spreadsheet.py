"""What a spreadsheet makes of a cell: a text that begins like a formula would be carried out by whoever opens the file.

Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import re
from typing import Final

_BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_SHOWS_AS_TEXT: Final = "'"


def spreadsheet_cell(text: str) -> str:
    """Return a text as a cell of a CSV file that a spreadsheet shows and does not carry out; numbers stay as they are.

    Example: "=1+1" becomes "'=1+1", "-5" and "+1.5e3" stay.
    """
    if not text.startswith(_BEGINS_A_FORMULA) or _NUMBER.fullmatch(text):
        return text
    return _SHOWS_AS_TEXT + text
