"""Consents: for one purpose, to one named recipient, in just these words, until withdrawn."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from mingqu.domain.consent import (
    Consent,
    ConsentAlreadyWithdrawn,
    ConsentMissing,
    ConsentPurpose,
    ConsentRecipientWrong,
    ConsentText,
    ConsentTextMalformed,
    read_text,
    require,
    withdraw,
)

AT = datetime(2026, 8, 15, 2, 0, tzinfo=UTC)
FOLDER = Path(__file__).parents[3] / "policies" / "consents"
# A published version never changes. A text that has to change gets a new file with the next version, and a line here.
PUBLISHED = {
    "auto-repayment-1": "eb45b841061a67dfba0af6bd146272c5b8530c7567a3d04b92e975277b62a2e1",
    "auto-repayment-2": "606acde84d55bb3a33b4c57474d8d2062070f3dc448a3b66d3919c54e16da093",
    "auto-repayment-3": "0e76a003a0b980928863be2684dfa02fa7207836f98b375acf35f1d124566978",
    "auto-repayment-4": "6a2fad917d8c313f8cb05332ed3bed1a41e7e8998e57e71c355a48b41501c683",
    "automated-decision-1": "0b08468858ebf657a03efffbe7e08a23111c5c8467d8ef407a1956dda976b912",
    "automated-decision-2": "4f5df2cbc1650b00038f8792a52303af1125e957b34cce8857bac6ef7c029bd9",
    "behavior-data-1": "c0784fc51481bf9f534deb60f146d32a9a4e275814365857b1eafe40841341a9",
    "behavior-data-2": "1968064f57fcd134c8166e78b9ffc8f57d8e875427bdad358f806e37ec6a54cc",
    "bill-repayment-1": "13a2d113604ff49c54cc89ea6a510a392a22509ec7f8d785120d513a24da302b",
    "bill-repayment-2": "4ae8101147bc832444f6b80c3122658dd6656df151760774c2a38e361b07afe5",
    "bureau-query-1": "30d4327c291f9801fea4897396de5b5fd14f3703c42e63d9138e25c11457aa4c",
    "bureau-query-2": "55c5e35a0c18f3a8d7754a0267ca12bb460ffffbc4aab3c9e83cb0442b91a10b",
    "business-verification-1": "52d90dc0387613d113bd13a8a49e171a90054461f9b399cd9645dbb78ab3bfc6",
    "business-verification-2": "3882071ff9b175f8f2b1a9a39a2f1e3fd89b6958bfd015d07c337a2960884dc8",
    "fraud-prevention-1": "89ef19f096186b2f51b55ef61bf5e4337bb130732f4d9cd211d9895437a1fb15",
    "fraud-prevention-2": "517efc96f5e6126ffdec0d1e4b9d08b2cb096d66ebf5d31cd455c080e3400097",
    "pass-to-lender-1": "1cdd0130a99d103620e4818fa9a972461284a1e08b0fed15a50b495334bacdc5",
    "pass-to-lender-2": "40c08c911f1320ff3457a4e5f4cafee4a00d8a7619b20467cbef14e63a02701f",
    "real-name-verification-1": "9f5603c518101ec27dff4b11b5751e54d61be6aad08479ff080a3703968f5d0f",
    "real-name-verification-2": "148d9b2cdbe477e5d5aa90fd62799daf80e569fc6e3fa450c363e49e69a7a73d",
    "refer-to-bank-1": "c6e2870b906fc52f1dca46a5afe715ad50c0e7b35a25c7bd4aa33582a2cbfc61",
    "refer-to-bank-2": "88b38213cc4ba69c97488139b2630d11ebbf52a1f197fa04d7d9e392ba8fdea3",
}


def shipped(name: str) -> ConsentText:
    path = FOLDER / f"{name}.toml"
    return read_text(file_name=path.name, fields=tomllib.loads(path.read_text(encoding="utf-8")))


def consent(*, recipient: str | None = "澄川消费金融", given_at: datetime = AT, number: int = 1) -> Consent:
    return Consent(
        consent_id=UUID(int=number),
        person_id=UUID(int=9),
        text_id="pass-to-lender",
        version=1,
        text_hash=bytes(32),
        purpose=ConsentPurpose.PASS_TO_LENDER,
        recipient=recipient,
        given_at=given_at,
    )


def test_a_published_text_has_not_changed() -> None:
    hashes = {}
    for path in sorted(FOLDER.glob("*.toml")):
        text = shipped(path.stem)
        assert path.stem == f"{text.text_id}-{text.version}"
        hashes[path.stem] = text.shown(recipient="澄川" if text.names_recipient else None).text_hash.hex()
    assert hashes == PUBLISHED


def test_every_purpose_has_a_text_in_both_languages() -> None:
    texts = [shipped(name) for name in PUBLISHED]
    assert {text.purpose for text in texts} == set(ConsentPurpose)
    assert {text.purpose for text in texts if text.names_recipient} == {
        ConsentPurpose.BEHAVIOR_DATA,
        ConsentPurpose.BUREAU_QUERY,
        ConsentPurpose.PASS_TO_LENDER,
        ConsentPurpose.AUTO_REPAYMENT,
        ConsentPurpose.BILL_REPAYMENT,
        ConsentPurpose.REFER_TO_BANK,
    }


def test_the_recipient_stands_in_the_words_and_in_their_hash() -> None:
    text = shipped("pass-to-lender-1")
    one, other = text.shown(recipient="澄川消费金融"), text.shown(recipient="听澜小额贷款")
    assert "澄川消费金融" in one.body_zh
    assert "澄川消费金融" in one.body_en
    assert one.text_hash != other.text_hash
    assert text.shown(recipient="澄川消费金融") == one


def test_a_recipient_is_named_where_the_text_asks_for_it_and_nowhere_else() -> None:
    with pytest.raises(ConsentRecipientWrong):
        shipped("pass-to-lender-1").shown(recipient=None)
    with pytest.raises(ConsentRecipientWrong):
        shipped("automated-decision-1").shown(recipient="澄川消费金融")


def test_a_consent_counts_for_its_recipient_from_its_moment_until_withdrawn() -> None:
    given = consent()
    ended = withdraw(consent=given, at=AT + timedelta(days=1))
    wanted = {"purpose": ConsentPurpose.PASS_TO_LENDER, "recipient": "澄川消费金融"}
    assert require(consents=[given], at=AT, **wanted) is given
    assert require(consents=[ended], at=AT + timedelta(hours=23), **wanted) is ended
    for consents, at in (([], AT), ([given], AT - timedelta(seconds=1)), ([ended], AT + timedelta(days=1))):
        with pytest.raises(ConsentMissing):
            require(consents=consents, at=at, **wanted)
    for recipient in ("听澜小额贷款", None):
        with pytest.raises(ConsentMissing):
            require(consents=[given], purpose=ConsentPurpose.PASS_TO_LENDER, recipient=recipient, at=AT)
    with pytest.raises(ConsentMissing):
        require(consents=[given], purpose=ConsentPurpose.BUREAU_QUERY, recipient="澄川消费金融", at=AT)


def test_a_consent_given_again_after_a_withdrawal_stands_and_the_latest_is_named() -> None:
    first = withdraw(consent=consent(), at=AT + timedelta(hours=1))
    second = consent(given_at=AT + timedelta(hours=2), number=2)
    third = consent(given_at=AT + timedelta(hours=3), number=3)
    found = require(
        consents=[third, first, second],
        purpose=ConsentPurpose.PASS_TO_LENDER,
        recipient="澄川消费金融",
        at=AT + timedelta(hours=4),
    )
    assert found is third


def test_a_consent_is_withdrawn_once() -> None:
    ended = withdraw(consent=consent(), at=AT)
    with pytest.raises(ConsentAlreadyWithdrawn):
        withdraw(consent=ended, at=AT + timedelta(days=1))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 0),
        ("version", True),
        ("version", None),
        ("purpose", "marketing"),
        ("text_id", "Pass To Lender"),
        ("title_zh", ""),
        ("body_zh", "x" * 20_001),
        ("body_en", "nobody is named"),
    ],
)
def test_a_text_on_file_that_is_not_right_is_refused_with_file_and_field(field: str, value: object) -> None:
    fields = tomllib.loads((FOLDER / "pass-to-lender-1.toml").read_text(encoding="utf-8"))
    with pytest.raises(ConsentTextMalformed) as caught:
        read_text(file_name="draft.toml", fields={**fields, field: value})
    assert caught.value.details == {"file": "draft.toml", "field": field}
