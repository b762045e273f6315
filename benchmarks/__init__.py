"""Measurements behind every number in README and docs. Not installed with the program."""
