"""Evidence in the book: leaves beside the business, trees and checkpoints over them, proofs out of them."""

from mingqu.store.evidence.audit import Comparison as Comparison
from mingqu.store.evidence.audit import Said as Said
from mingqu.store.evidence.audit import prove as prove
from mingqu.store.evidence.checkpoint import book_id as book_id
from mingqu.store.evidence.checkpoint import build_trees as build_trees
from mingqu.store.evidence.checkpoint import is_covered as is_covered
from mingqu.store.evidence.checkpoint import last_checkpoint as last_checkpoint
from mingqu.store.evidence.checkpoint import load_checkpoint as load_checkpoint
from mingqu.store.evidence.checkpoint import publish_checkpoint as publish_checkpoint
from mingqu.store.evidence.leaf import Draft as Draft
from mingqu.store.evidence.leaf import append as append
from mingqu.store.evidence.leaf import append_all as append_all
from mingqu.store.evidence.leaf import latest_leaves as latest_leaves
from mingqu.store.evidence.leaf import leaf_about as leaf_about
from mingqu.store.evidence.leaf import leaf_at as leaf_at
from mingqu.store.evidence.leaf import leaf_count as leaf_count
from mingqu.store.evidence.leaf import leaves_of as leaves_of
from mingqu.store.evidence.leaf import log_sizes as log_sizes
from mingqu.store.evidence.leaf import open_private as open_private
from mingqu.store.evidence.leaf import private_field as private_field
from mingqu.store.evidence.proof import EvidencePending as EvidencePending
from mingqu.store.evidence.proof import InclusionProof as InclusionProof
from mingqu.store.evidence.proof import consistency_proof as consistency_proof
from mingqu.store.evidence.proof import document as document
from mingqu.store.evidence.proof import inclusion_proof as inclusion_proof
