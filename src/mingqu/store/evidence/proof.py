"""Proofs: the path from a leaf to a signed checkpoint, as a document that anyone can check without us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mingqu.domain.canonical import Canonical
from mingqu.domain.evidence import CellRoot, Checkpoint, Hash, Leaf, cell_leaf, consistency_path, inclusion_path
from mingqu.domain.evidence.tree import consistency_nodes, inclusion_nodes, leaf_hash, nodes_of
from mingqu.domain.personal import Personal
from mingqu.domain.refusal import Refusal
from mingqu.store.evidence import tree
from mingqu.store.evidence.checkpoint import last_checkpoint
from mingqu.store.server.database import Transaction
from mingqu.store.server.keyring import Keyring

FORMAT = 1


class EvidencePending(Refusal):
    """The evidence is written and no checkpoint covers it yet; the next one will."""

    code = "evidence_pending"
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class InclusionProof:
    """A leaf, the path to its cell's root, the path from there to the root of a signed checkpoint."""

    leaf: Leaf
    path: tuple[Hash, ...]
    cell_root: CellRoot
    cell_path: tuple[Hash, ...]
    checkpoint: Checkpoint
    public_key: bytes


def inclusion_proof(
    tx: Transaction, *, keyring: Keyring, leaf: Leaf, checkpoint: Checkpoint | None = None
) -> InclusionProof:
    """Return the proof that a leaf stands under a checkpoint, the newest unless another is given.

    Reads some hundred hashes, however many leaves there are. Errors: EvidencePending, KeyUnknown.
    """
    signed = last_checkpoint(tx) if checkpoint is None else checkpoint
    if signed is None or leaf.cell >= len(signed.cells) or signed.cells[leaf.cell].size <= leaf.sequence:
        raise EvidencePending("The next checkpoint will cover this: ask again in a while.")
    cell_root = signed.cells[leaf.cell]
    nodes = inclusion_nodes(index=leaf.sequence, size=cell_root.size)
    look_up = tree.look_up_of(tx, cell=leaf.cell, nodes=nodes)
    cell_hashes = [leaf_hash(cell_leaf(cell)) for cell in signed.cells]
    return InclusionProof(
        leaf=leaf,
        path=inclusion_path(index=leaf.sequence, size=cell_root.size, look_up=look_up),
        cell_root=cell_root,
        cell_path=inclusion_path(index=leaf.cell, size=len(cell_hashes), look_up=nodes_of(cell_hashes)),
        checkpoint=signed,
        public_key=keyring.public_key(signed.key_id),
    )


def consistency_proof(tx: Transaction, *, cell: int, older: Checkpoint, newer: Checkpoint) -> tuple[Hash, ...]:
    """Return the proof that a cell's tree under the newer checkpoint begins with the one under the older."""
    older_size = older.cells[cell].size if cell < len(older.cells) else 0  # the book was cut into more cells since
    size = newer.cells[cell].size
    nodes = consistency_nodes(older=older_size, size=size)
    return consistency_path(older=older_size, size=size, look_up=tree.look_up_of(tx, cell=cell, nodes=nodes))


def document(
    proof: InclusionProof, *, opened: Mapping[str, tuple[bytes, Personal[Canonical]]] | None = None
) -> dict[str, Canonical]:
    """Return the proof as an object for JSON; `opened` values (see `open_private`) can then be read and checked.

    With opened values the document holds personal data: it is for the person, and for whom the person chooses.
    docs/howto/verify-a-proof.md checks it in thirty lines that import nothing of ours.
    """
    return {
        "format": FORMAT,
        "leaf": proof.leaf.body.decode(),
        "opened": {
            name: {"salt": salt.hex(), "value": value.reveal()} for name, (salt, value) in (opened or {}).items()
        },
        "path": [sibling.hex() for sibling in proof.path],
        "cell": cell_leaf(proof.cell_root).decode(),
        "cell_path": [sibling.hex() for sibling in proof.cell_path],
        "checkpoint": proof.checkpoint.body().decode(),
        "signature": proof.checkpoint.signature.hex(),
        "public_key": proof.public_key.hex(),
    }
