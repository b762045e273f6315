"""What is remembered, in one SQLite file. Knows rows and bytes; never the model or the screen.

Importing this package loads no library outside the standard one.
"""

from assistant.store.records import (
    Chat,
    Deletion,
    Exchange,
    ImportSummary,
    Mark,
    NewWording,
    Pair,
    Question,
    SearchHit,
    Turn,
    Version,
    Wording,
)
from assistant.store.scopes import Scope
from assistant.store.store import Store

__all__ = [
    "Chat",
    "Deletion",
    "Exchange",
    "ImportSummary",
    "Mark",
    "NewWording",
    "Pair",
    "Question",
    "Scope",
    "SearchHit",
    "Store",
    "Turn",
    "Version",
    "Wording",
]
