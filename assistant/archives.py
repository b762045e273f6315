"""What reading a damaged, cut, encrypted or unknown zip archive raises: `zipfile` has no one type for it."""

from __future__ import annotations

import zipfile
import zlib

DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
