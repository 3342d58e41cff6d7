"""One card of made-up borrowers, trained once for all tests of the lab."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from mingqu.domain.policy_file import canonical
from mingqu.lab.recipe import SEARCHED
from mingqu.lab.sample import read_sample
from mingqu.lab.train import TrainedCard, train
from tests.unit.lab import made_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The file, the card's file, and what training returned."""

    file: Path
    card: Path
    made: TrainedCard


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    pytest.importorskip("lightgbm")
    folder = tmp_path_factory.mktemp("lab")
    file = made_up.write(folder / "borrowers.csv", made_up.rows())
    made = train(sample=read_sample(path=file, target="went_bad"), mapping=None, card_id="made-up", recipe=SEARCHED)
    card = folder / "card.json"
    card.write_bytes(canonical(made.body))
    assert json.loads(card.read_text(encoding="utf-8"))["format"] == 2
    return Trained(file=file, card=card, made=made)
