"""Giving memory back that is no longer used, so that learning fits beside a chat."""

from __future__ import annotations

import ctypes
import gc
import sys


def give_back() -> None:
    """Collect what nothing refers to, and let the allocator return free pages to the system.

    glibc keeps freed memory for later; what a model of 90 MB leaves behind would count as ours for good.
    """
    gc.collect()
    trim()


def trim() -> None:
    """Only the second half of `give_back`: milliseconds, so that a long job can do it now and then."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:  # not there with musl
            trim(0)
