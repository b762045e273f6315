"""Learning together, wired to this machine: the owner's pairs, the engine, the store and the settings.

`federation/` knows none of these. Importing this package loads nothing; Flower is an extra and comes late.
"""
