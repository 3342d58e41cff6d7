"""A typed client of Mingqu's open API, for programs that speak for a borrower.

    with Client("https://loans.example") as client:
        client.send_code(phone="13800138000", purpose="sign_in")
        client.sign_in(phone="13800138000", code="123456")
        print(client.limit().available_fen)

Every write gets an idempotency key of its own, or the one you pass, and is sent again under that key when the answer
was lost. Errors are `Problem`, with the stable `code`. This package needs nothing else of Mingqu.
"""

from mingqu.client.client import Client
from mingqu.client.problem import Problem

__all__ = ["Client", "Problem"]
