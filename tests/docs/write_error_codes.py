"""Write docs/reference/error-codes.md anew: `python -m tests.docs.write_error_codes`."""

from __future__ import annotations

import sys

from tests.docs.error_codes import PAGE, faults, page, refusals


def run() -> int:
    """Write the page and return 0; with a fault among the refusals print it, write nothing and return 1."""
    found = refusals()
    wrong = faults(found)
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(found), encoding="utf-8")
    print(f"{len(found)} codes written")
    return 0


if __name__ == "__main__":
    sys.exit(run())
