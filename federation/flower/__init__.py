"""Flower as the carrier of an open federation: what leaves is one opaque payload per round.

The core knows nothing of this package. Importing it loads no Flower; its modules are imported late.
"""

import os

# Before any module of Flower is loaded, here and in every process started from here: it would call home.
os.environ["FLWR_TELEMETRY_ENABLED"] = "0"
os.environ["FLWR_DISABLE_UPDATE_CHECK"] = "1"
