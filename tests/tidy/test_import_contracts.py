"""The import contracts are kept, and each of them catches the import it was written against."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.tidy.tree import ROOT, python_files

CONTRACTS: Final = 8
# A house of empty rooms with the same floor plan, so that a contract is tried without touching the real one.
ROOMS: Final = (
    "main",
    "cli",
    "simulation.orders",
    "api.loan",
    "jobs.close",
    "demo.story",
    "lab.train",
    "worlds.house",
    "web.site",
    "services.disburse",
    "store.loans.loan",
    "channels.fake.bank",
    "channels.system.clock",
    "channels.wire",
    "ports.payout",
    "sandbox.bank",
    "domain.changed",
    "domain.refusal",
    "domain.money",
    "domain.rate",
    "domain.calendar",
    "domain.schedule",
    "domain.course",
    "domain.cost",
    "domain.operator",
    "domain.signal",
    "domain.session",
    "domain.canonical",
    "domain.identifier",
    "domain.moment",
    "domain.ownership",
    "domain.personal",
    "domain.policy_file",
    "domain.accrual",
    "domain.cap",
    "domain.card_bin",
    "domain.consent",
    "domain.evidence",
    "domain.freeze",
    "domain.instrument",
    "domain.ledger",
    "domain.message_code",
    "domain.one_time_code",
    "domain.order",
    "domain.party",
    "domain.proposal",
    "domain.lender_file",
    "domain.reconciliation",
    "domain.recut",
    "domain.review",
    "domain.watch_list",
    "domain.word",
    "domain.working_window",
    "domain.cash_advance",
    "domain.institution",
    "domain.lender_answer",
    "domain.limit",
    "domain.product",
    "domain.rule",
    "domain.classification",
    "domain.contact",
    "domain.decision.card",
    "domain.funding",
    "domain.revolving",
    "domain.spend",
    "domain.loan.step",
    "domain.batch.schedules",
    "domain.taking_over",
)


def lint_imports(house: Path, config: Path) -> str:
    """Run import-linter over the package `mingqu` in a folder and return what it says, as one line of words."""
    call = "sys.exit(lint_imports(config_filename=sys.argv[1], no_cache=True))"
    code = f"import sys; from importlinter.cli import lint_imports; {call}"
    ran = subprocess.run(
        [sys.executable, "-c", code, str(config)],
        cwd=house,
        env={**os.environ, "PYTHONPATH": str(house), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return " ".join((ran.stdout + ran.stderr).split())


def build_house(folder: Path) -> Path:
    """Write the empty rooms below a folder and return it."""
    for room in ROOMS:
        file = folder / "mingqu" / Path(*room.split(".")).with_suffix(".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    for package in [folder / "mingqu", *(path for path in (folder / "mingqu").rglob("*") if path.is_dir())]:
        (package / "__init__.py").write_text("")
    return folder


def test_every_import_contract_is_kept() -> None:
    said = lint_imports(ROOT / "src", ROOT / ".importlinter")
    assert f"Contracts: {CONTRACTS} kept, 0 broken." in said, said


def test_the_empty_house_keeps_every_contract(tmp_path: Path) -> None:
    said = lint_imports(build_house(tmp_path), ROOT / ".importlinter")
    assert f"Contracts: {CONTRACTS} kept, 0 broken." in said, said


# Contract → (room, its new import). Planted all at once, one room each, so that one run shows all eight.
pytestmark = pytest.mark.xdist_group("import contracts")  # the planted house is read once in a run
PLANTED: Final = {
    "1. Layers go one way": ("ports.payout", "import mingqu.services.disburse"),
    "2. The domain is pure": ("domain.money", "import time"),
    "3. Only the store speaks SQL": ("services.disburse", "import psycopg"),
    "4. Channels know nothing of each other": ("channels.fake.bank", "import mingqu.channels.system.clock"),
    "5. Only main and the simulation know": ("jobs.close", "import mingqu.channels.fake.bank"),
    "6. No two modules or packages import each other": ("domain.rate", "import mingqu.domain.calendar"),
    "7. Inside the domain": ("domain.schedule", "import mingqu.domain.loan.step"),
    "8. Only the lab trains": ("store.loans.loan", "import lightgbm"),
}


@pytest.fixture(scope="module")
def broken_house(tmp_path_factory: pytest.TempPathFactory) -> str:
    house = build_house(tmp_path_factory.mktemp("house"))
    planted = [*PLANTED.values(), ("domain.calendar", "import mingqu.domain.rate")]
    for room, line in planted:
        (house / "mingqu" / Path(*room.split(".")).with_suffix(".py")).write_text(f"{line}\n")
    return lint_imports(house, ROOT / ".importlinter")


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_import_breaks_its_contract(contract: str, broken_house: str) -> None:
    listed = broken_house.split("Broken contracts")[0]
    line = listed[listed.index(contract) :]
    verdict = min(("BROKEN", "KEPT"), key=lambda word: line.find(word) if word in line else len(line))
    assert verdict == "BROKEN", listed


@pytest.mark.parametrize(
    ("room", "line", "kept"),
    [
        ("channels.fake.bank", "import mingqu.channels.wire", 8),
        ("channels.wire", "import mingqu.channels.fake.bank", 7),
    ],
)
def test_every_channel_may_use_the_wire_and_the_wire_none_of_them(
    tmp_path: Path, room: str, line: str, kept: int
) -> None:
    house = build_house(tmp_path)
    (house / "mingqu" / Path(*room.split(".")).with_suffix(".py")).write_text(f"{line}\n")
    assert f"Contracts: {kept} kept, {CONTRACTS - kept} broken." in lint_imports(house, ROOT / ".importlinter")


def test_every_folder_of_code_is_a_package_that_the_contracts_can_see() -> None:
    folders = {path.parent for path in python_files("src")}
    assert sorted(folder.name for folder in folders if not (folder / "__init__.py").exists()) == []


def test_a_new_top_level_package_must_be_placed_first(tmp_path: Path) -> None:
    house = build_house(tmp_path)
    (house / "mingqu" / "newcomer.py").write_text("")
    assert "newcomer" in lint_imports(house, ROOT / ".importlinter")
