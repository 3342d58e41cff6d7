"""What a business may be called, and what its code says by itself."""

from __future__ import annotations

import pytest

from mingqu.domain.business import (
    USES,
    BusinessAnswer,
    BusinessNameMalformed,
    BusinessUnknown,
    NotLegalPerson,
    UseOfMoneyUnknown,
    read_business_name,
    read_use,
    require_match,
)
from mingqu.domain.party import UsccCheckCharacterWrong, read_uscc
from mingqu.domain.personal import Personal
from mingqu.web.print_paper import BUSINESS_USES

CODE = "92330106MA2ABCDE83"


def test_the_worked_example_of_the_code_passes_and_each_single_slip_is_seen() -> None:
    """31 is a prime and no weight a multiple of it: one wrong character always shows."""
    assert read_uscc(f" {CODE.lower()} ") == CODE
    for place in range(18):
        for character in "0123456789ABCDEFGHJKLMNPQRTUWXY":
            if character != CODE[place]:
                with pytest.raises(UsccCheckCharacterWrong):
                    read_uscc(CODE[:place] + character + CODE[place + 1 :])


@pytest.mark.parametrize("name", ["西湖区知夏面馆", "杭州市西湖区知夏面馆（个体工商户）", "A&B Noodles (No. 2)"])
def test_a_name_of_a_licence_is_a_name(name: str) -> None:
    assert read_business_name(Personal(f" {name} ")) == Personal(name)


@pytest.mark.parametrize("name", ["", "面", "-面馆", "面馆<b>", "面\n馆", "面" * 101])
def test_what_no_licence_bears_is_no_name(name: str) -> None:
    with pytest.raises(BusinessNameMalformed):
        read_business_name(Personal(name))


def test_each_use_has_words_for_the_contract_and_no_other_is_known() -> None:
    assert set(BUSINESS_USES) == set(USES) == {read_use(one) for one in USES}
    with pytest.raises(UseOfMoneyUnknown):
        read_use("consumption")


def test_only_a_match_is_a_match() -> None:
    require_match(BusinessAnswer.MATCH)
    with pytest.raises(BusinessUnknown):
        require_match(BusinessAnswer.UNKNOWN)
    with pytest.raises(NotLegalPerson):
        require_match(BusinessAnswer.NOT_LEGAL_PERSON)
