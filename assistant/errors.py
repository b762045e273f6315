"""One error tree. Each error knows its exit code and the next step to take.

AssistantError            1  unexpected
├── UsageError            2  wrong arguments
├── SettingsError         3  bad settings file or value
├── ModelError            4  model missing, unreadable or out of memory
│   ├── ContextFull       4  the conversation is longer than the context
│   └── AdapterError      4  adapter file missing, corrupt or made for another model
├── StoreError            5  database locked, corrupt or disk full
│   ├── StoreBusy         5  another process is writing
│   ├── StoreCorrupt      5  not a database, truncated or from a newer release
│   └── DiskFull          5  no space left; nothing was lost
├── ConsentMissing        6  nothing was sent
├── NetworkError          7  hub or peer unreachable
├── CheckFailed           8  a check failed, the version was not promoted
└── Cancelled           130  interrupted by the owner
"""

from __future__ import annotations


class AssistantError(Exception):
    """Base of every error that is shown to the owner.

    `message` says what happened, `hint` the next step; both are single sentences.
    """

    exit_code = 1
    hint = "Run `assistant doctor` to check the installation."

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if hint is not None:
            self.hint = hint


class UsageError(AssistantError):
    exit_code = 2
    hint = "Add --help to see what the command takes."


class SettingsError(AssistantError):
    exit_code = 3
    hint = "Run `assistant data paths` to find the settings file and correct it."


class ModelError(AssistantError):
    exit_code = 4
    hint = "Run `assistant doctor`, or point the setting `model` at a GGUF file that exists."


class ContextFull(ModelError):
    hint = "Shorten it, or raise the setting `context_tokens`."


class AdapterError(ModelError):
    hint = "Run `assistant adapters off`, then `assistant adapters list` to pick another version."


class StoreError(AssistantError):
    exit_code = 5
    hint = "Run `assistant doctor` to check the database."


class StoreBusy(StoreError):
    hint = "Close the other assistant window, or wait until it has finished."


class StoreCorrupt(StoreError):
    hint = "The file was left untouched; restore a backup or move it away to start afresh."


class DiskFull(StoreError):
    hint = "Free some space and try again; everything saved so far is safe."


class ConsentMissing(AssistantError):
    exit_code = 6
    hint = "Nothing was sent. Opt in first if you want to take part."


class NetworkError(AssistantError):
    exit_code = 7
    hint = "Check the connection and try again; partial downloads are resumed."


class CheckFailed(AssistantError):
    exit_code = 8
    hint = "The version stays a draft; `assistant adapters show` explains which check failed."


class Cancelled(AssistantError):
    exit_code = 130
    hint = "Nothing was changed."
