"""The verifier printed in the docs accepts a real proof, refuses every change, and imports nothing of ours."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mingqu.domain.canonical import canonical
from mingqu.domain.evidence import LeafKind, inclusion_path, leaf_hash, root_of
from mingqu.domain.evidence.tree import nodes_of
from mingqu.domain.personal import Personal
from mingqu.store import evidence
from mingqu.store.server.database import Database
from tests.database.people import AT, fresh_id, fresh_keyring, fresh_person, later

DOCS = Path(__file__).parents[2] / "docs"
LINES_MAX = 30


def printed_program() -> str:
    found = re.findall(r"```python\n(.*?)```", (DOCS / "howto" / "verify-a-proof.md").read_text(encoding="utf-8"), re.S)
    assert len(found) == 1
    return str(found[0])


@pytest.fixture
def proof(database: Database) -> dict[str, Any]:
    keyring = fresh_keyring()
    with database.transaction() as tx:
        person_id = fresh_person(tx, keyring=keyring, cell=2)
        tx.lock_cell(2)
        for number in range(21):
            leaf = evidence.append(
                tx,
                keyring=keyring,
                cell=2,
                person_id=person_id,
                kind=LeafKind.CONTRACT,
                subject_id=fresh_id(cell=2),
                at=AT,
                facts={"amount_fen": number},
                private={"name": Personal("林知夏"), "plan": {"b": [1, 2], "a": None}},
            )
        evidence.publish_checkpoint(tx, keyring=keyring, at=later(hours=1))
        opened = evidence.open_private(tx, keyring=keyring, person_id=person_id, cell=leaf.cell, sequence=leaf.sequence)
        made = evidence.inclusion_proof(tx, keyring=keyring, leaf=leaf)
        document: dict[str, Any] = json.loads(canonical(evidence.document(made, opened=opened)))
        return document


def verify(folder: Path, proof: dict[str, Any], *, key: str) -> subprocess.CompletedProcess[str]:
    (folder / "verify.py").write_text(printed_program(), encoding="utf-8")
    (folder / "proof.json").write_text(json.dumps(proof), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-O", "-W", "error::DeprecationWarning", "verify.py", "proof.json", key],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONIOENCODING": "utf-8"},
    )


def test_the_printed_verifier_is_short_and_imports_nothing_of_ours() -> None:
    program = printed_program()
    assert sum(bool(line.strip()) for line in program.splitlines()) <= LINES_MAX
    assert "mingqu" not in program


def test_the_printed_climb_reaches_the_root_from_every_leaf_of_every_size() -> None:
    names: dict[str, Any] = {}
    exec(printed_program().split("proof, trusted")[0], names)
    texts = [f"leaf {number}" for number in range(70)]
    hashes = [leaf_hash(text.encode()) for text in texts]
    for size in range(1, 71):
        root = root_of(hashes[:size]).hex()
        for index in range(size):
            path = [node.hex() for node in inclusion_path(index=index, size=size, look_up=nodes_of(hashes))]
            assert names["climb"](texts[index], index, size, path) == root


def test_the_printed_verifier_accepts_a_proof(tmp_path: Path, proof: dict[str, Any]) -> None:
    ran = verify(tmp_path, proof, key=proof["public_key"])
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("contract {'amount_fen': 20} was in the book ")


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "the facts": lambda proof: proof.update(leaf=proof["leaf"].replace(":20", ":90")),
    "the path": lambda proof: proof["path"].pop(),
    "a longer path": lambda proof: proof["path"].append("00" * 32),
    "the cell": lambda proof: proof.update(cell=proof["cell"].replace('"cell":2', '"cell":1')),
    "the cell path": lambda proof: proof["cell_path"].reverse(),
    "the checkpoint": lambda proof: proof.update(checkpoint=proof["checkpoint"].replace('"number":1', '"number":2')),
    "the opened name": lambda proof: proof["opened"]["name"].update(value="林知秋"),
    "the opened salt": lambda proof: proof["opened"]["plan"].update(salt="00" * 32),
    "an opened value that is not there": lambda proof: proof["opened"].update(other=proof["opened"]["name"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_printed_verifier_refuses_a_change(tmp_path: Path, proof: dict[str, Any], change: str) -> None:
    key = proof["public_key"]
    CHANGES[change](proof)
    ran = verify(tmp_path, proof, key=key)
    assert (ran.returncode, ran.stdout) == (1, "")


def test_the_printed_verifier_refuses_another_key(tmp_path: Path, proof: dict[str, Any]) -> None:
    keyring = fresh_keyring()
    ran = verify(tmp_path, proof, key=keyring.public_key(keyring.signing_id).hex())
    assert (ran.returncode, ran.stdout) == (1, "")


def test_the_table_of_canonical_bytes_is_right() -> None:
    page = (DOCS / "algorithms" / "evidence.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\{.*\})` \| `(\{.*\})` \|$", page, re.M)
    assert len(rows) == 3
    for value, written in rows:
        assert canonical(json.loads(value)) == written.encode()
