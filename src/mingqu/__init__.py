"""Mingqu 明渠, an embedded-lending platform around a loan core that is provably right."""

__version__ = "0.1.0"
