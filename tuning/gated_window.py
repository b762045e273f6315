"""Gate and up projections of the last layer as a reduced window: exact, and not linear in what is trained.

With ΔW_gate = E C_g Vᵀ and ΔW_up = E C_u Vᵀ, E picking n neurons, the activation of neuron j becomes
silu(g_j + C_gj·k)(u_j + C_uj·k) for the key k = Vᵀx, and the residual changes by the difference times column
j of the down projection. So u of `tuning.reduced_window` is that difference, U those columns, and one step
costs elementwise work on n numbers per position. A product of two changed factors tells questions apart that
the last down projection alone, linear in its input, can't.
"""

from __future__ import annotations

import numpy as np

from tuning.answer_features import AnswerFeatures
from tuning.examples import TuningError
from tuning.head import Head
from tuning.reduced_window import ReducedWindow, applied
from tuning.subspace import error_signal, inverse_root, unit_variance
from tuning.weights import Weights


class GatedWindow(ReducedWindow):
    """The core is [2 n, k]: rows of the gate for each of n neurons, then rows of the up projection."""

    def __init__(
        self,
        features: AnswerFeatures,
        head: Head,
        weights: Weights,
        neurons: np.ndarray,
        v: np.ndarray,
    ) -> None:
        """`neurons` int [n], `v` float32 [width, k]. Raises TuningError for features without x."""
        inputs = gate_inputs(features)
        gate, up, down = names(weights)
        self.shape = (2 * len(neurons), v.shape[1])
        self._keys = inputs @ v
        self._gate = inputs @ weights.tensor(gate, neurons).T
        self._up = inputs @ weights.tensor(up, neurons).T
        self._still = silu(self._gate) * self._up
        super().__init__(features, head, np.ascontiguousarray(weights.tensor(down)[:, neurons]))

    def moved(self, positions: np.ndarray, cores: np.ndarray) -> np.ndarray:
        """Difference of the activations of the n neurons: float32 [B, n, N]."""
        change = applied(self._keys[positions], cores)
        half = cores.shape[1] // 2
        activation = silu(self._gate[positions, :, None] + change[:, :half])
        activation *= self._up[positions, :, None] + change[:, half:]
        activation -= self._still[positions, :, None]
        return activation


def gated_directions(
    features: AnswerFeatures, head: Head, weights: Weights, *, neurons: int, rank: int, whiten: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Which neurons to change (int [neurons], ascending) and V [width, rank], from one forward pass.

    The error signal at the last hidden state is known in closed form; carried through the down projection it
    says how much each neuron's gate and up value should move. As in `regression_directions` the inputs are
    whitened by their second moments over all positions: neurons are those with the largest regression on
    them, V their main directions, of unit variance on what is taught. Raises TuningError.
    """
    inputs = gate_inputs(features)
    gate, up, down = names(weights)
    taught = np.concatenate([features.positions("fact"), features.positions("unknown")])
    x = inputs[taught]
    size = np.sqrt(np.mean(features.h[taught] ** 2, axis=1, keepdims=True))
    wanted = (error_signal(features, head, taught) / size) @ weights.tensor(down)
    opened, carried = x @ weights.tensor(gate).T, x @ weights.tensor(up).T
    share = 1.0 / (1.0 + np.exp(-opened))
    root = np.eye(x.shape[1], dtype=np.float32) if whiten is None else inverse_root(inputs, whiten)
    white = x @ root
    on_gate = (wanted * carried * share * (1.0 + opened * (1.0 - share))).T @ white
    on_up = (wanted * opened * share).T @ white
    strength = (on_gate**2).sum(axis=1) + (on_up**2).sum(axis=1)
    chosen = np.sort(np.argsort(-strength, kind="stable")[:neurons])
    _, _, right = np.linalg.svd(np.concatenate([on_gate[chosen], on_up[chosen]]), full_matrices=False)
    return chosen, unit_variance(root @ right[:rank].T, x)


def picking(neurons: np.ndarray, count: int) -> np.ndarray:
    """E, float32 [count, n] with a single 1 in each column."""
    found = np.zeros((count, len(neurons)), dtype=np.float32)
    found[neurons, np.arange(len(neurons))] = 1.0
    return found


def gate_inputs(features: AnswerFeatures) -> np.ndarray:
    """x of features that have it. Raises TuningError."""
    if features.x is None:
        raise TuningError("the gated window needs the inputs of the last feed-forward layer")
    return features.x


def names(weights: Weights) -> tuple[str, str, str]:
    """The last layer's gate, up and down projection. Raises TuningError when the model has no gate."""
    last = int(weights.number("block_count")) - 1
    gate, up, down = (f"blk.{last}.ffn_{part}.weight" for part in ("gate", "up", "down"))
    for name in (gate, up, down):
        weights.shape(name)
    return gate, up, down


def silu(x: np.ndarray) -> np.ndarray:
    """x · sigmoid(x)."""
    # exp overflows to infinity for very negative x, and x / ∞ is the right answer.
    with np.errstate(over="ignore"):
        return x / (1.0 + np.exp(-x))
