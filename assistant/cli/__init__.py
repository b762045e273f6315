"""The command line: one small file per group of verbs, wired together in `app`.

Each file exports `register(app)` and imports what is heavy inside its commands.
"""
