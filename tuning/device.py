"""Where torch computes, and how much memory is free there."""

from __future__ import annotations

import torch


def best_device(*, gpu: bool = True) -> str:
    """ "cuda" where there is one and `gpu` allows it, else "cpu"."""
    return "cuda" if gpu and torch.cuda.is_available() else "cpu"


def free_memory(device: str) -> int:
    """Bytes that can be had on `device` without swapping."""
    if torch.device(device).type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    return int(psutil.virtual_memory().available)
