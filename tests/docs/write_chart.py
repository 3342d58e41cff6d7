"""Write docs/reference/chart-of-accounts.md anew: `python -m tests.docs.write_chart`."""

from __future__ import annotations

from tests.docs.chart import PAGE, page

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
