"""A customer as an operator finds and sees them, their papers, and what happened in their life."""
