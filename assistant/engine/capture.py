"""Read chosen activations out of the running engine through its evaluation callback.

llama.cpp asks the callback once per graph node whether it wants that node and then hands over the
computed tensor. Node names are llama.cpp's own: `ffn_swiglu-29` (input of the last down projection of a
30-layer model), `l_out-28` (residual stream after layer 28).
"""

from __future__ import annotations

import ctypes

import numpy as np

from assistant.engine import bindings


class Capture:
    """Collects the wanted nodes of each evaluation. Rows are tokens, as float32 [tokens, width]."""

    def __init__(self) -> None:
        self._wanted: dict[bytes, int] = {}
        self.values: dict[str, list[np.ndarray]] = {}
        self.callback = bindings.EvalCallback(self._on_node)

    def want(self, widths: dict[str, int]) -> None:
        """From now on keep these nodes; `widths` gives the row width of each."""
        self._wanted = {name.encode(): width for name, width in widths.items()}
        self.values = {name: [] for name in widths}

    def take(self) -> dict[str, np.ndarray]:
        """The rows seen since `want`, concatenated in evaluation order; collecting starts anew."""
        taken = {name: np.concatenate(parts) for name, parts in self.values.items() if parts}
        self.values = {name: [] for name in self.values}
        return taken

    def _on_node(self, tensor: int, ask: bool, _user_data: object) -> bool:
        name = bindings.tensor_name(tensor)
        width = self._wanted.get(name)
        if width is None:
            # "Not wanted" while asking; "carry on" when handed a tensor.
            return not ask
        if ask:
            return True
        rows = np.empty((bindings.tensor_elements(tensor) // width, width), dtype=np.float32)
        if rows.nbytes == bindings.tensor_bytes(tensor):
            bindings.tensor_get(tensor, rows.ctypes.data_as(ctypes.c_void_p), 0, rows.nbytes)
            self.values[name.decode()].append(rows)
        return True
