"""The operator console: cookie of its own, a permission for every route, personal data masked until said why."""

from mingqu.console.router import make_router as make_router
