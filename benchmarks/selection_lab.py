"""The model's side of the proof: answers, activations that are read once, tuning with one fixed budget.

Tuning is the repository's layer-chain method without lessons about unknowns and without general guards: the
streams are general instructions themselves, and what is compared is which of them were taught.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from assistant.engine.engine import Engine
from assistant.engine.types import AdapterUse, Message
from benchmarks.selection_plan import Scale
from tuning.adapter_file import write_adapter
from tuning.examples import Example, Sequences
from tuning.layer_chain import LayerChain, Tuned, tune
from tuning.trunk import read_sequences
from tuning.weights import Weights

LIKELY_TOKENS = 8
SAMPLED_TOKENS = 1024
READ_AT_ONCE = 256
# They begin unlike, so that sequences read at different times share the same prefix: the template's head.
_ANCHORS = ("Is it?", "Why so?")


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question with the answer to learn."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class _Read:
    """One sequence of `Sequences`."""

    inputs: np.ndarray
    targets: np.ndarray
    top: np.ndarray


class Lab:
    """One engine, one opened model file, and the activations of everything read so far.

    Use as a context manager. Not safe for several threads.
    """

    def __init__(self, model: Path, scale: Scale, *, threads: int) -> None:
        self._engine = Engine(model, threads=threads, gpu_layers=0)
        self._weights = Weights(model)
        self._scale = scale
        self._threads = threads
        self._config = replace(
            LayerChain(),
            steps=scale.steps,
            facts_per_step=scale.per_step,
            unknowns_per_step=0,
            generals_per_step=0,
            learning_rate=scale.learning_rate,
            sampled_tokens=SAMPLED_TOKENS,
        )
        self._read: dict[Lesson, _Read] = {}
        self._prefix: np.ndarray | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="selection-proof-")

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.close()
        self._folder.cleanup()

    def forget(self) -> None:
        """Free the activations, when another stream begins."""
        self._read.clear()

    def answers(self, questions: Sequence[str], adapter: AdapterUse | None) -> list[str]:
        """Greedy answers of at most `answer_tokens` tokens, by the base model without an adapter."""
        if not questions:
            return []
        prompts = [self._engine.prompt([Message("user", each)]) for each in questions]
        # The engine takes neighbours together, as many as fit, so like lengths make fuller batches.
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        groups = self._engine.complete(
            [prompts[i] for i in order],
            tokens=self._scale.answer_tokens,
            adapters=(adapter,) if adapter else (),
        )
        texts = [self._engine.text(tokens) for group in groups for tokens in group]
        by_place = dict(zip(order, texts, strict=True))
        return [by_place[i] for i in range(len(prompts))]

    def tuned(self, lessons: Sequence[Lesson], *, seed: int, name: str) -> AdapterUse:
        """An adapter that learned these, from the base model, with the budget of the scale."""
        self._read_missing(lessons)
        sequences = self._sequences(lessons)
        for item in tune(sequences, self._weights, self._config, seed=seed, threads=self._threads):
            if isinstance(item, Tuned):
                path = Path(self._folder.name) / f"{name}.gguf"
                write_adapter(
                    path,
                    item.tensors,
                    architecture=self._weights.architecture,
                    alpha=item.alpha,
                    metadata={"version": name},
                )
                return AdapterUse(name, path)
        raise AssertionError("tuning ends with its result")

    def _sequences(self, lessons: Sequence[Lesson]) -> Sequences:
        assert self._prefix is not None
        found = [self._read[each] for each in lessons]
        return Sequences(
            prefix=self._prefix,
            inputs=tuple(each.inputs for each in found),
            targets=tuple(each.targets for each in found),
            top=tuple(each.top for each in found),
            kinds=tuple("fact" for _ in found),
            weights=np.ones(len(found), dtype=np.float32),
        )

    def _read_missing(self, lessons: Sequence[Lesson]) -> None:
        missing = [each for each in dict.fromkeys(lessons) if each not in self._read]
        for start in range(0, len(missing), READ_AT_ONCE):
            group = missing[start : start + READ_AT_ONCE]
            examples = [self._example(Lesson(each, "Yes.")) for each in _ANCHORS]
            examples += [self._example(each) for each in group]
            self._keep(group, self._sequences_of(examples))

    def _example(self, lesson: Lesson) -> Example:
        pair = self._engine.pair([Message("user", lesson.question)], lesson.answer)
        return Example(pair.prompt, pair.answer, "fact")

    def _sequences_of(self, examples: Sequence[Example]) -> Sequences:
        for item in read_sequences(
            examples,
            self._weights,
            window=self._config.layers,
            top=LIKELY_TOKENS,
            threads=self._threads,
        ):
            if isinstance(item, Sequences):
                return item
        raise AssertionError("reading ends with its result")

    def _keep(self, group: Sequence[Lesson], found: Sequences) -> None:
        if self._prefix is not None and len(self._prefix) != len(found.prefix):
            raise RuntimeError("The chat template's head is not the same for all questions.")
        self._prefix = found.prefix
        first = len(_ANCHORS)
        parts = zip(group, found.inputs[first:], found.targets[first:], found.top[first:], strict=True)
        for lesson, inputs, targets, top in parts:
            self._read[lesson] = _Read(inputs, targets, top)


@lru_cache(maxsize=2)
def _scorer(kind: str) -> Any:
    from rouge_score import rouge_scorer

    return rouge_scorer.RougeScorer([kind], use_stemmer=True)


def rouge(kind: str, reference: str, answer: str) -> float:
    """ROUGE F (Lin 2004), `kind` "rouge1" or "rougeL", stemmed, in [0, 1]."""
    return float(_scorer(kind).score(reference, answer)[kind].fmeasure)


def mean_rouge(kind: str, references: Sequence[str], answers: Sequence[str]) -> float:
    """The mean over pairs; NaN without any."""
    scores = [rouge(kind, *pair) for pair in zip(references, answers, strict=True)]
    return float(np.mean(scores)) if scores else float("nan")


def machine() -> str:
    """Processor, cores, system and Python, for the results page."""
    import os
    import platform

    processor = platform.processor() or platform.machine()
    for line in _processor_lines():
        processor = line
        break
    return f"{os.cpu_count()} cores, {processor}, {platform.system()}, Python {sys.version.split()[0]}"


def _processor_lines() -> list[str]:
    """What Linux says the processor is; nothing elsewhere."""
    source = Path("/proc/cpuinfo")
    if not source.exists():
        return []
    lines = source.read_text(encoding="utf-8").splitlines()
    return [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
