"""The directory of institutions, questions to lenders, referrals."""
