"""Other programs' chat histories, read as drafts of chats. Knows their formats, not our database.

Each reader is a stream: one conversation at a time is in memory, whatever the size of the file.
"""

from assistant.store.foreign.detect import FORMATS, detect, read

__all__ = ["FORMATS", "detect", "read"]
