"""The borrower's door: pages for a person's phone, in Chinese and English. Every step is a form and takes no script."""

from mingqu.borrower.router import make_router as make_router
