"""Leaves, checkpoints and proofs: what happened is witnessed, published, and verified over the whole book."""
