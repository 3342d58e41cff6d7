"""What decides: policies in force by two people, switches, lists, the gates of the rule pack, replay to the byte."""
