"""A task: everything devices must agree on before they learn together, in one signed manifest.

The manifest is canonical JSON, so that equal tasks are equal bytes; its SHA-256 is the task's id, and every
message names that id. A task never changes: another setting is another task.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, get_args

from federation.keys import KEY_BYTES, SIGNATURE_BYTES, Signer, verified
from federation.refusal import FederationError, Reason, Refused

VERSION = 1
TASK_ID_BYTES = 16
LARGEST_MANIFEST = 16_384
LARGEST_CORE = 1 << 20
MOST_DIRECTIONS = 4096

SubspaceKind = Literal["seed", "content"]
SamplingKind = Literal["plain", "discriminative"]
OptimiserKind = Literal["adam", "sgd"]
RuleKind = Literal["mean", "median", "trimmed-mean", "krum", "multi-krum"]


@dataclass(frozen=True, slots=True)
class Subspace:
    """Where U and V come from. They are public: from a seed, or a shipped file named by its SHA-256.

    `value` is the seed in decimal digits, or 64 hex digits. `residual_scale` (root mean square of a column
    of U) and `key_scale` (of an entry of V) apply to seeds only; a file holds finished matrices.
    """

    kind: SubspaceKind
    value: str
    residual_scale: float = 1.0
    key_scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Window:
    """What is trained: a core of rank × rank numbers for each tensor, in this order.

    With `blocks` > 1 only one block of d / blocks consecutive numbers moves per round, block
    (round mod blocks): a window that travels, as in ChainFed (arXiv 2604.06819).
    """

    tensors: tuple[str, ...]
    rank: int
    subspace: Subspace
    blocks: int = 1

    @property
    def d(self) -> int:
        """Trained numbers in all."""
        return len(self.tensors) * self.rank**2


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which directions a round uses. "plain": indices 0 … N−1.

    "discriminative" (FwdLLM, arXiv 2308.13894): on every second round the N of candidates × N indices whose
    directions point most along the last aggregate. Computed by everyone from public state.
    """

    kind: SamplingKind = "plain"
    candidates: int = 4


@dataclass(frozen=True, slots=True)
class Optimiser:
    """How an aggregate moves the core. The rate rises over `warm_up` moves, then falls linearly by round to
    `final` of itself at the planned end and stays there. The β's and `stability` are Adam's."""

    kind: OptimiserKind = "adam"
    learning_rate: float = 0.02
    warm_up: int = 8
    final: float = 0.1
    beta_mean: float = 0.9
    beta_square: float = 0.99
    stability: float = 1e-8


@dataclass(frozen=True, slots=True)
class Privacy:
    """What is added and hidden.

    noise_multiplier: standard deviation of the Gaussian noise in what the coordinator learns of one round,
        divided by the sensitivity √(N−1) of one report; 0 for none. Without secure aggregation each device
        adds all of it; with it, each adds its share.
    delta, epsilon_limit: a device stops before its accountant passes (epsilon_limit, delta); limit 0 = none.
    secure_aggregation: reports are masked, and only sums over groups of `group_size` are ever seen.
    """

    noise_multiplier: float = 0.0
    delta: float = 1e-5
    epsilon_limit: float = 0.0
    secure_aggregation: bool = False
    group_size: int = 8


@dataclass(frozen=True, slots=True)
class Rule:
    """How reports become one aggregate; `attackers` is the share of hostile reports it is prepared for."""

    kind: RuleKind = "mean"
    attackers: float = 0.0


@dataclass(frozen=True, slots=True)
class Task:
    """The manifest. `scalar_range` is the largest magnitude an int16 can carry; see `range_for`.

    name, owner_text: the task's name, and the paragraph that the owner reads before joining.
    coordinator: public key (hex) that signs this task, its requests and its records.
    base_model: SHA-256 (hex) of the GGUF file.
    directions: N, perturbed losses per round and report. perturbation: ε, the length factor of directions.
    rounds: planned length, on which the learning rate depends; more are allowed.
    min_clients: reports (or unmasked contributions' devices) below which a round is void.
    positions: answer tokens a device evaluates per round; 0 for all it has.
    """

    name: str
    owner_text: str
    coordinator: str
    base_model: str
    window: Window
    directions: int = 64
    perturbation: float = 0.05
    scalar_range: float = 8.0
    rounds: int = 1000
    min_clients: int = 2
    positions: int = 0
    sampling: Sampling = field(default_factory=Sampling)
    optimiser: Optimiser = field(default_factory=Optimiser)
    privacy: Privacy = field(default_factory=Privacy)
    rule: Rule = field(default_factory=Rule)
    version: int = VERSION

    def __post_init__(self) -> None:
        """Raises FederationError naming the first thing that is out of bounds."""
        _check(self)

    @property
    def d(self) -> int:
        """Trained numbers in all."""
        return self.window.d

    @property
    def step(self) -> float:
        """What one unit of a report's int16 stands for."""
        return self.scalar_range / 32767.0

    def to_bytes(self) -> bytes:
        """Canonical JSON: UTF-8, sorted keys, no spaces, numbers in shortest round-trip form."""
        text = json.dumps(
            dataclasses.asdict(self),
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
            allow_nan=False,
        )
        return text.encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Task:
        """Raises Refused for anything but the canonical bytes of a valid task."""
        if len(data) > LARGEST_MANIFEST:
            raise Refused(Reason.OVERSIZED, f"a manifest of {len(data)} bytes")
        try:
            values = json.loads(data.decode())
            if isinstance(values, dict) and values.get("version") != VERSION:
                raise Refused(Reason.VERSION, "a task of another protocol version")
            task = _task(values)
            if task.to_bytes() != data:
                raise Refused(Reason.MALFORMED, "the manifest is not in canonical form")
        except Refused:
            raise
        # RecursionError: brackets nested deeper than the parser goes.
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise Refused(Reason.MALFORMED, f"the manifest is no task ({type(error).__name__})") from error
        return task

    @property
    def digest(self) -> bytes:
        """SHA-256 of the canonical bytes, 32 bytes: the beginning of the chain of records."""
        return _digest(self)

    @property
    def id(self) -> bytes:
        """The first 16 bytes of the digest; every message carries them."""
        return self.digest[:TASK_ID_BYTES]


@dataclass(frozen=True, slots=True)
class SignedTask:
    """A task with its coordinator's signature. As bytes: the manifest, and a line of 128 hex digits."""

    task: Task
    signature: bytes

    @classmethod
    def sign(cls, task: Task, signer: Signer) -> SignedTask:
        """Raises FederationError when `signer` is not the coordinator named in the task."""
        if task.coordinator != signer.public.hex():
            raise FederationError("a task is signed with the key that it names as its coordinator")
        return cls(task, signer.sign(task.to_bytes()))

    @property
    def public(self) -> bytes:
        """The coordinator's public key."""
        return bytes.fromhex(self.task.coordinator)

    def to_bytes(self) -> bytes:
        return self.task.to_bytes() + b"\n" + self.signature.hex().encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> SignedTask:
        """Raises Refused unless manifest and signature are whole and fit."""
        if len(data) > LARGEST_MANIFEST + 2 * SIGNATURE_BYTES + 2:
            raise Refused(Reason.OVERSIZED, f"a task file of {len(data)} bytes")
        body, line, rest = data.partition(b"\n")
        task = Task.from_bytes(body)
        if not line or len(rest) != 2 * SIGNATURE_BYTES + 1 or not rest.endswith(b"\n"):
            raise Refused(Reason.UNSIGNED, "the task carries no signature")
        try:
            signature = bytes.fromhex(rest[:-1].decode("ascii"))
        except ValueError as error:
            raise Refused(Reason.MALFORMED, "the task's signature is not hex") from error
        signed = cls(task, signature)
        if signed.to_bytes() != data:
            raise Refused(Reason.MALFORMED, "the task file is not in canonical form")
        if not verified(signed.public, body, signature):
            raise Refused(Reason.SIGNATURE, "the task's signature is not its coordinator's")
        return signed


@lru_cache(maxsize=64)
def _digest(task: Task) -> bytes:
    """Asked for with every message, and the manifest takes longer to write than a message to read."""
    return hashlib.sha256(task.to_bytes()).digest()


def range_for(directions: int, noise_multiplier: float = 0.0) -> float:
    """A `scalar_range` that clips less than one noisy z-score in a million: √(N−1) · (1 + 5 σ)."""
    return math.sqrt(directions - 1) * (1.0 + 5.0 * noise_multiplier)


def _task(values: dict[str, Any]) -> Task:
    window = values["window"]
    return Task(
        **{
            **values,
            "window": Window(
                **{
                    **window,
                    "tensors": tuple(window["tensors"]),
                    "subspace": Subspace(**window["subspace"]),
                }
            ),
            "sampling": Sampling(**values["sampling"]),
            "optimiser": Optimiser(**values["optimiser"]),
            "privacy": Privacy(**values["privacy"]),
            "rule": Rule(**values["rule"]),
        }
    )


def _check(task: Task) -> None:
    window, privacy, optimiser = task.window, task.privacy, task.optimiser
    integers = (
        ("version", task.version, VERSION, VERSION),
        ("rank", window.rank, 1, 1024),
        ("blocks", window.blocks, 1, 1024),
        ("directions", task.directions, 2, MOST_DIRECTIONS),
        ("rounds", task.rounds, 1, 2**31),
        ("min_clients", task.min_clients, 1, 10**6),
        ("positions", task.positions, 0, 10**6),
        ("candidates", task.sampling.candidates, 1, 64),
        ("warm_up", optimiser.warm_up, 1, 10**6),
        ("group_size", privacy.group_size, 2, 1000),
    )
    for name, value, lowest, highest in integers:
        if type(value) is not int or not lowest <= value <= highest:
            raise FederationError(f"{name} must be a whole number from {lowest} to {highest}")
    reals = (
        ("perturbation", task.perturbation, 1e-9, 1e3),
        ("scalar_range", task.scalar_range, 1e-6, 1e9),
        ("residual_scale", window.subspace.residual_scale, 1e-9, 1e9),
        ("key_scale", window.subspace.key_scale, 1e-9, 1e9),
        ("learning_rate", optimiser.learning_rate, 1e-12, 1e6),
        ("final", optimiser.final, 0.0, 1.0),
        ("beta_mean", optimiser.beta_mean, 0.0, 0.9999),
        ("beta_square", optimiser.beta_square, 0.0, 0.999999),
        ("stability", optimiser.stability, 1e-12, 1.0),
        ("noise_multiplier", privacy.noise_multiplier, 0.0, 1e6),
        ("delta", privacy.delta, 0.0, 0.1),
        ("epsilon_limit", privacy.epsilon_limit, 0.0, 1e6),
        ("attackers", task.rule.attackers, 0.0, 0.49),
    )
    for name, real, low, high in reals:
        # NaN fails both comparisons.
        if type(real) is not float or not low <= real <= high:
            raise FederationError(f"{name} must be a number with a decimal point from {low} to {high}")
    choices = (
        ("subspace", window.subspace.kind, ("seed", "content")),
        ("sampling", task.sampling.kind, ("plain", "discriminative")),
        ("optimiser", optimiser.kind, ("adam", "sgd")),
        ("rule", task.rule.kind, get_args(RuleKind)),
        ("secure_aggregation", privacy.secure_aggregation, (True, False)),
    )
    for name, choice, known in choices:
        if type(choice) is not type(known[0]) or choice not in known:
            raise FederationError(f"{name} must be one of {', '.join(map(str, known))}")
    _check_texts(task)
    if window.d > LARGEST_CORE or window.d % window.blocks:
        raise FederationError("the window is too large, or its blocks do not divide it")


def _check_texts(task: Task) -> None:
    subspace = task.window.subspace
    tensors = task.window.tensors
    if not 1 <= len(tensors) <= 64 or len(set(tensors)) != len(tensors):
        raise FederationError("a window names 1 to 64 different tensors")
    texts = (("name", task.name, 100), ("owner_text", task.owner_text, 2000))
    for name, text, longest in (*texts, *(("tensor", tensor, 200) for tensor in tensors)):
        if not isinstance(text, str) or not 0 < len(text) <= longest or not text.isprintable():
            raise FederationError(f"{name} must be printable text of 1 to {longest} characters")
    for name, text, size in (
        ("coordinator", task.coordinator, KEY_BYTES),
        ("base_model", task.base_model, 32),
    ):
        if not _is_hex(text, size):
            raise FederationError(f"{name} must be {2 * size} lower-case hex digits")
    if subspace.kind == "content" and not _is_hex(subspace.value, 32):
        raise FederationError("a subspace by content is named by 64 lower-case hex digits")
    if subspace.kind == "seed" and not (
        isinstance(subspace.value, str)
        and subspace.value.isascii()
        and subspace.value.isdigit()
        and len(subspace.value) <= 20
        and int(subspace.value) < 2**64
    ):
        raise FederationError("a seed is written in decimal digits and below 2 to the 64th")


def _is_hex(text: object, size: int) -> bool:
    return isinstance(text, str) and len(text) == 2 * size and set(text) <= set("0123456789abcdef")
