"""The report of a trained card: one self-contained HTML page, in Chinese and English."""

from mingqu.lab.report.page import card_report

__all__ = ["card_report"]
