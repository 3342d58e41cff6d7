"""Policies, signals, lists, assessments and decisions at rest."""
