"""What the clearing channel believes: whole, fresh, signed answers to its own questions, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from mingqu.channels.clearing import message as m
from mingqu.channels.clearing.bank import BULK_FEN_MAX
from mingqu.domain.money import AMOUNT_FEN_MAX
from mingqu.ports.silence import ChannelSilent

NOW = datetime(2026, 8, 15, 2, tzinfo=UTC)
KEY = Ed25519PrivateKey.generate()
KEYS = {"bank-1": KEY.public_key()}
ASKED = "0" * 32


def answer(content: bytes | None = None, *, key: Ed25519PrivateKey = KEY, at: datetime = NOW) -> bytes:
    head = (
        f"<Hdr><MsgTp>{m.QUERIED}</MsgTp><MsgId>1</MsgId><OrgnlMsgId>{ASKED}</OrgnlMsgId>"
        f"<CreDtTm>{m.rfc3339(at)}</CreDtTm></Hdr>"
    )
    body = b"<Bdy><TxSts/></Bdy>" if content is None else content
    return m.sealed(b'<?xml version="1.0" encoding="UTF-8"?>\n<Msg>' + head.encode() + body + b"</Msg>",
                    key_id="bank-1", key=key)  # fmt: skip


@cache
def whole() -> bytes:
    return answer()


def opened(message: bytes) -> m.Message:
    return m.opened(message, keys=KEYS, answers=ASKED, at=NOW)


def test_a_signed_answer_is_read() -> None:
    assert opened(whole()).kind == m.QUERIED


@given(place=st.integers(0, len(whole()) - 1), flip=st.integers(1, 255))
def test_any_flipped_byte_is_silence(place: int, flip: int) -> None:
    message = bytearray(whole())
    message[place] ^= flip
    with pytest.raises(ChannelSilent):
        opened(bytes(message))


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"<Msg/>",
        answer(key=Ed25519PrivateKey.generate()),
        answer(at=NOW - timedelta(seconds=301)),
        answer(at=NOW + timedelta(seconds=301)),
        answer(b"<Bdy>"),
        answer(b""),
        m.sealed(b'<!DOCTYPE x [<!ENTITY a "b">]><Msg><Bdy>&a;</Bdy></Msg>', key_id="bank-1", key=KEY),
        m.sealed(b"<Msg><Hdr><CreDtTm>soon</CreDtTm></Hdr><Bdy/></Msg>", key_id="bank-1", key=KEY),
    ],
    ids=["empty", "unsigned", "of another key", "old", "ahead", "cut", "without a body", "an entity", "no moment"],
)
def test_what_is_not_whole_and_fresh_and_theirs_is_silence(message: bytes) -> None:
    with pytest.raises(ChannelSilent):
        opened(message)


def test_an_answer_to_another_question_is_nobodys_answer() -> None:
    with pytest.raises(ChannelSilent, match="unsigned"):
        m.opened(whole(), keys=KEYS, answers="1" * 32, at=NOW)


@given(st.integers(1, AMOUNT_FEN_MAX))
def test_an_amount_comes_back_to_the_fen(amount_fen: int) -> None:
    assert m.fen_of(m.yuan_of(amount_fen)) == amount_fen


@pytest.mark.parametrize("amount", ["", "0.00", "1", "1.5", "-1.00", "01.00", "1e3", "1.000", "٣.00", "9" * 19 + ".00"])
def test_no_other_way_of_writing_an_amount_is_understood(amount: str) -> None:
    with pytest.raises(ChannelSilent):
        m.fen_of(amount)


def test_the_limit_of_the_bulk_system_is_a_million_yuan() -> None:
    assert m.yuan_of(BULK_FEN_MAX) == "1000000.00"
