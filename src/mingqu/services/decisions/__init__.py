"""One assessment a person: signals, the decision and its record, its trace, override, trial."""
