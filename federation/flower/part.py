"""Run one of Flower's commands as a part of the host: it ends when the host ends, however that happened.

python -m federation.flower.part HOST_PID COMMAND ARGUMENTS...
"""

from __future__ import annotations

import os
import sys
import threading
import time
from importlib.metadata import entry_points

_LOOK_S = 0.5
COMMANDS = ("flower-superlink", "flower-superexec")


def main(arguments: list[str]) -> None:
    host, command, *rest = arguments
    if command not in COMMANDS:
        raise SystemExit(f"not a part: {command}")
    threading.Thread(target=_end_with, args=(int(host),), daemon=True).start()
    sys.argv = [command, *rest]
    entry_points(group="console_scripts")[command].load()()


def _end_with(host: int) -> None:
    # A process whose parent has died is given another one, so no pid can be mistaken for it.
    while os.getppid() == host:
        time.sleep(_LOOK_S)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
