"""Money bound to a purpose: the contract that says where it may go, and the decision on each spend.

`contract` reads a funds contract, `authorise` compiles it and decides, `spend` says what a card may do and has done.
"""

from mingqu.domain.purpose.authorise import Approved, Compiled, Declined, authorise, compiled
from mingqu.domain.purpose.contract import Clause, Due, Effect, FundsContract, Stage, read_contract
from mingqu.domain.purpose.spend import CardState, Spend
from mingqu.domain.purpose.wallet import parse_wallets
from mingqu.domain.purpose.watch import parse_watch

__all__ = [
    "Approved",
    "CardState",
    "Clause",
    "Compiled",
    "Declined",
    "Due",
    "Effect",
    "FundsContract",
    "Spend",
    "Stage",
    "authorise",
    "compiled",
    "parse_wallets",
    "parse_watch",
    "read_contract",
]
