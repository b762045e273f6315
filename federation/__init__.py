"""Learning together by sharing seeded scalars. Empty in this version: nothing here opens a connection."""
