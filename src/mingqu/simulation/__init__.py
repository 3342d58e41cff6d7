"""Simulation: seeded bad days of orders alone and of the whole platform, safe at each tick and healed in the end.

What is drawn (faults, people, moments) follows from the seed, so that a day that broke something can be lived again.
"""
