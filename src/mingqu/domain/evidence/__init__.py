"""Evidence: leaves that commit to what happened, trees over them, checkpoints, and proofs that anyone can check.

docs/algorithms/evidence.md specifies every byte.
"""

from mingqu.domain.evidence.checkpoint import CellRoot as CellRoot
from mingqu.domain.evidence.checkpoint import Checkpoint as Checkpoint
from mingqu.domain.evidence.checkpoint import breaks_between as breaks_between
from mingqu.domain.evidence.checkpoint import cell_leaf as cell_leaf
from mingqu.domain.evidence.checkpoint import cells_root as cells_root
from mingqu.domain.evidence.leaf import Leaf as Leaf
from mingqu.domain.evidence.leaf import LeafKind as LeafKind
from mingqu.domain.evidence.leaf import commit as commit
from mingqu.domain.evidence.leaf import leaf_body as leaf_body
from mingqu.domain.evidence.leaf import moment as moment
from mingqu.domain.evidence.tree import EMPTY_ROOT as EMPTY_ROOT
from mingqu.domain.evidence.tree import Hash as Hash
from mingqu.domain.evidence.tree import Node as Node
from mingqu.domain.evidence.tree import consistency_path as consistency_path
from mingqu.domain.evidence.tree import inclusion_path as inclusion_path
from mingqu.domain.evidence.tree import leaf_hash as leaf_hash
from mingqu.domain.evidence.tree import node_hash as node_hash
from mingqu.domain.evidence.tree import root_of as root_of
from mingqu.domain.evidence.tree import verify_consistency as verify_consistency
from mingqu.domain.evidence.tree import verify_inclusion as verify_inclusion
