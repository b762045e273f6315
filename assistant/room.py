"""Whether a learning run fits into memory and onto the disk, asked before it starts."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import DiskFull, ModelError

if TYPE_CHECKING:
    from tuning.needs import Needs


def require_room(needs: Needs, *, available: int, folder: Path) -> None:
    """Refuse what can't succeed: `needs` are lower bounds, `available` is memory in bytes.

    Raises:
        ModelError: there is less memory available.
        DiskFull: there is less space free where `folder` lies.
    """
    if needs.memory > available:
        raise ModelError(
            f"Learning this takes at least {_size(needs.memory)} of memory, and {_size(available)} are free.",
            hint="Close other programs, or switch some pairs off with `assistant learn off`.",
        )
    free = shutil.disk_usage(folder).free
    if needs.disk > free:
        raise DiskFull(
            f"Learning this takes at least {_size(needs.disk)} on the disk, and {_size(free)} are free."
        )


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
