"""The report."""
from mingqu.lab.train import TrainedCard
def card_report(*, trained: TrainedCard, command: str) -> str:
    return "<html></html>"
