"""The raw llama.cpp and ggml calls that llama-cpp-python does not wrap, and its log stream.

Nothing here owns a handle. Importing this module loads the shared libraries (about 0.1 s).
"""

from __future__ import annotations

import ctypes
import os
import re
from collections import deque
from collections.abc import Callable
from pathlib import Path

# Third-party usage pings are off in this process before any library could send one.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
# Waiting threads spin only briefly, then sleep. Spinning without end, OpenMP's default, is hardly faster on
# a quiet machine, and beside another busy program it wastes the cores it waits for (docs/log.md).
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")

import llama_cpp.llama_cpp as raw

EvalCallback = raw.ggml_backend_sched_eval_callback

# The last lines that llama.cpp logged as warnings or errors; they hold file names and tensor
# names, never prompts. Failures quote them, because a NULL handle by itself says nothing.
recent_problems: deque[str] = deque(maxlen=20)

_LEVEL_WARN, _LEVEL_ERROR = 3, 4


@raw.llama_log_callback
def _on_log(level: int, text: bytes, _user_data: object) -> None:
    if level in (_LEVEL_WARN, _LEVEL_ERROR):
        line = text.decode("utf-8", "replace").strip()
        if line:
            recent_problems.append(line)


# llama.cpp keeps the raw pointer: `_on_log` must live as long as the process.
raw.llama_log_set(_on_log, ctypes.c_void_p(0))
raw.llama_backend_init()


def last_problem(otherwise: str) -> str:
    """The reason in llama.cpp's most recent error line, without function names and the final stop."""
    if not recent_problems:
        return otherwise
    return re.sub(r"^(\w+: )+", "", recent_problems[-1]).rstrip(".") or otherwise


def _load_ggml() -> ctypes.CDLL:
    folder = Path(raw.__file__).parent / "lib"
    for pattern in ("libggml-base.so", "libggml-base.dylib", "ggml-base.dll", "libggml-base*"):
        for candidate in sorted(folder.glob(pattern)):
            return ctypes.CDLL(str(candidate))
    raise OSError(f"libggml-base is missing from {folder}")


_ggml = _load_ggml()
_ggml.ggml_get_name.argtypes = [ctypes.c_void_p]
_ggml.ggml_get_name.restype = ctypes.c_char_p
_ggml.ggml_nelements.argtypes = [ctypes.c_void_p]
_ggml.ggml_nelements.restype = ctypes.c_int64
_ggml.ggml_nbytes.argtypes = [ctypes.c_void_p]
_ggml.ggml_nbytes.restype = ctypes.c_size_t
_ggml.ggml_backend_tensor_get.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]
_ggml.ggml_backend_tensor_get.restype = None

tensor_name: Callable[[int], bytes] = _ggml.ggml_get_name
tensor_elements: Callable[[int], int] = _ggml.ggml_nelements
tensor_bytes: Callable[[int], int] = _ggml.ggml_nbytes
tensor_get = _ggml.ggml_backend_tensor_get
