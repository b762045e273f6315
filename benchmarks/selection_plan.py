"""What the proof of selection and synthesis runs, in which order, at what cost, and what is finished already.

A cell is one number to find out. Cells of the same stream and seed stand together, because they share
embeddings and activations.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Experiment = Literal["base", "curve", "ablation", "sparse", "size"]

ALL_STREAMS = ("dolly", "alpaca", "medquad", "self-dialogue", "persona-chat")
ALL_POLICIES = ("fifo", "random", "k-center", "eoe", "dss", "idd", "dac24", "diverse")
BASELINES = ("random", "fifo", "k-center")
ABLATED = ("random", "fifo", "k-center", "dac24", "diverse")
SPARSE = ("random", "diverse")


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything; equal for all policies.

    stream: exchanges that come by; they are split into `checkpoints` equal parts, with a tuning after each.
    steps, per_step: the tuning budget. Wordings do not add to it: more of them are each seen less often.
    ablation_buffer: smaller than `buffer`, because each rephrasing has to be read once.
    """

    name: str
    streams: tuple[str, ...]
    policies: tuple[str, ...]
    seeds: tuple[int, ...]
    stream: int
    checkpoints: int
    buffer: int
    held_out: int
    answer_tokens: int
    steps: int
    per_step: int
    learning_rate: float
    ablation_streams: tuple[str, ...]
    ablation_buffer: int
    ablation_policies: tuple[str, ...]
    rephrasings: tuple[int, ...]
    recall_items: int
    shares: tuple[float, ...]
    sparse_buffer: int
    sizes: tuple[int, ...]

    @property
    def points(self) -> tuple[int, ...]:
        """How many exchanges have come by at each checkpoint."""
        return tuple(self.stream * (i + 1) // self.checkpoints for i in range(self.checkpoints))


FULL = Scale(
    name="full",
    streams=ALL_STREAMS,
    policies=ALL_POLICIES,
    seeds=(1, 2),
    stream=900,
    checkpoints=3,
    buffer=128,
    held_out=48,
    answer_tokens=32,
    steps=48,
    per_step=8,
    learning_rate=1e-3,
    ablation_streams=("dolly",),
    ablation_buffer=24,
    ablation_policies=ABLATED,
    rephrasings=(0, 1, 3, 6, 9),
    recall_items=24,
    shares=(0.01, 0.05, 0.10, 0.25),
    sparse_buffer=256,
    sizes=(8, 16, 32, 64, 128, 256, 512),
)
QUICK = Scale(
    name="quick",
    streams=("dolly", "medquad"),
    policies=("random", "k-center", "diverse"),
    seeds=(1,),
    stream=300,
    checkpoints=1,
    buffer=64,
    held_out=32,
    answer_tokens=32,
    steps=48,
    per_step=8,
    learning_rate=1e-3,
    ablation_streams=("dolly",),
    ablation_buffer=12,
    ablation_policies=("random", "diverse"),
    rephrasings=(0, 3),
    recall_items=12,
    shares=(0.05, 0.10),
    sparse_buffer=64,
    sizes=(8, 64, 128),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement. `seen` exchanges came by; `share` of them are annotated (1: all that are kept)."""

    experiment: Experiment
    stream: str
    seed: int
    policy: str = ""
    buffer: int = 0
    seen: int = 0
    rephrasings: int = 0
    share: float = 1.0

    @property
    def key(self) -> str:
        return "/".join(str(value) for value in asdict(self).values())


def plan(scale: Scale) -> list[Cell]:
    """All cells, those that share activations together."""
    cells: list[Cell] = []
    for stream in scale.streams:
        for seed in scale.seeds:
            cells.append(Cell("base", stream, seed))
            cells += [
                Cell("curve", stream, seed, policy, scale.buffer, seen)
                for policy in scale.policies
                for seen in scale.points
            ]
            if stream in scale.ablation_streams:
                cells += _closer_look(scale, stream, seed)
    return cells


def _closer_look(scale: Scale, stream: str, seed: int) -> list[Cell]:
    cells = [
        Cell("ablation", stream, seed, policy, scale.ablation_buffer, scale.stream, rephrasings)
        for policy in scale.ablation_policies
        for rephrasings in scale.rephrasings
    ]
    cells += [
        Cell("sparse", stream, seed, policy, scale.sparse_buffer, scale.stream, share=share)
        for policy in SPARSE
        for share in scale.shares
    ]
    # The size of the curves is in the curves already.
    sizes = [size for size in scale.sizes if size != scale.buffer]
    cells += [Cell("size", stream, seed, policy, size, scale.stream) for policy in SPARSE for size in sizes]
    return cells


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds on two idle cores for: a sequence read, one through a tuning step, an answer of 40 tokens."""

    read: float = 0.075
    tuned: float = 0.011
    answer: float = 0.16
    embedded: float = 0.01


def cost(cells: Iterable[Cell], scale: Scale, speed: Speed | None = None) -> float:
    """Estimated seconds. Of the sequences a cell needs, those of cells before it are read already."""
    speed = speed or Speed()
    tuning = scale.steps * scale.per_step * speed.tuned
    answer = speed.answer * scale.answer_tokens / 40
    held_out = scale.held_out * answer
    total = 0.0
    for cell in cells:
        if cell.experiment == "base":
            total += scale.stream * speed.embedded + held_out
            continue
        # About half of what a policy keeps is kept by another one or was kept at the checkpoint before.
        total += tuning + held_out + 0.5 * min(cell.buffer, round(cell.share * cell.seen)) * speed.read
        if cell.experiment == "ablation":
            # Another tuning for the earlier checkpoint, questions old (twice) and reworded, wordings to read:
            # of each rephrasing cell only those that the smaller one lacked.
            total += tuning + 3 * scale.recall_items * answer
            total += 2 * cell.buffer * speed.read * min(3, cell.rephrasings)
    return total


class Results:
    """Finished cells, one JSON object per line, each written out as soon as it is known."""

    def __init__(self, path: Path, scale: Scale) -> None:
        """Read what is there, without a line that an interruption cut. Raises ValueError if it is of
        another scale, because such numbers do not compare."""
        self._path = path
        self._scale = json.loads(json.dumps(asdict(scale)))
        self.rows: list[dict[str, Any]] = []
        if not path.exists():
            return
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        self.rows = [json.loads(line) for line in whole.splitlines()]
        if any(row["scale"] != self._scale for row in self.rows):
            raise ValueError(f"{path} holds results of other settings; move it away or name other --rows.")
        if whole != content:
            path.write_bytes(whole)

    def missing(self, cells: Sequence[Cell]) -> list[Cell]:
        """Those without a result yet, in order."""
        finished = {row["key"] for row in self.rows}
        return [cell for cell in cells if cell.key not in finished]

    def add(self, cell: Cell, found: dict[str, Any]) -> None:
        row = {"key": cell.key, **asdict(cell), **found, "scale": self._scale}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        self.rows.append(row)
