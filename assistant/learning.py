"""The learning loop: choose → synthesise → measure → tune → gate → activate. Reads top to bottom.

Wires the rooms together: the store's pairs, synthesis, the engine's activations, tuning and the versions.
Runs in a job's thread; the engine's work is done in slices, so that a chat message goes first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from assistant.curriculum import Curriculum, build_curriculum
from assistant.engine.engine import Engine
from assistant.engine.types import AdapterUse, Message, opening
from assistant.errors import Cancelled, UsageError
from assistant.gate import Verdict, first_word, judge
from assistant.guard_answers import ANSWER_TOKENS, CHECK_TOKENS, GuardAnswers
from assistant.learning_report import LearnReport, Progress, Stopwatch, peak_memory_bytes
from assistant.memory import give_back, trim
from assistant.methods import METHODS, Tuned
from assistant.models import model_sha256
from assistant.paths import Paths, run_log
from assistant.rebuilding import fingerprint
from assistant.settings import Settings
from assistant.store import Store
from assistant.store.records import Pair, Version
from assistant.versions import VersionControl
from assistant.wordings import Wordings
from tuning.examples import Example

T = TypeVar("T")
OnProgress = Callable[[Progress], None]
Confirm = Callable[[threading.Event, Callable[[int, int], None]], int]

# Longer answers are left to a method that can afford them.
LONGEST_ANSWER_TOKENS = 96
# Between steps the allocator's free pages grow by tens of megabytes.
TRIM_STEPS = 16


@dataclass(frozen=True, slots=True)
class _Draft:
    version: Version
    curriculum: Curriculum
    tuned: Tuned


class Learner:
    """Turns the owner's pairs into a version, and decides which versions are in force."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        settings: Settings,
        paths: Paths,
        embed: Callable[[Sequence[str]], np.ndarray],
        release: Callable[[], None] = give_back,
        confirm: Confirm | None = None,
    ) -> None:
        """`embed` maps texts to unit vectors; `release` frees what it holds once the lessons are made.

        `confirm` asks about statements that wait to be confirmed, so that none is left out.
        """
        self._store = store
        self._engine = engine
        self._settings = settings
        self._paths = paths
        self._embed = embed
        self._release = release
        self._confirm = confirm
        self.versions = VersionControl(store, engine, paths)
        self._busy = threading.Lock()

    def waiting(self) -> int:
        """Pairs that no version has learned yet."""
        return sum(1 for pair in self._store.pairs.list("active") if not pair.learned_in)

    def use(self, version_id: str) -> None:
        """Put a version in force, whatever its checks said. Raises UsageError and AdapterError."""
        self.versions.use(version_id)

    def off(self, kind: str = "personal") -> None:
        """Answer without what was learned here, or together with others (shared)."""
        self.versions.off(kind)

    def rollback(self, kind: str = "personal") -> Version | None:
        """Back to what was in force before; None when that was the base model."""
        return self.versions.rollback(kind)

    def delete(self, version_id: str) -> None:
        """Remove a version and its file for good."""
        self.versions.delete(version_id)

    def set_strength(self, version_id: str, strength: float) -> None:
        """How strongly a version acts, 0 to 1.5."""
        self.versions.set_strength(version_id, strength)

    def learn_now(
        self,
        method: str | None = None,
        on_progress: OnProgress = lambda _: None,
        cancel: threading.Event | None = None,
    ) -> LearnReport:
        """Learn all active pairs into a new version and put it in force if it passes the gate.

        Raises UsageError for an unknown method or while another run is going on, Cancelled when `cancel`
        is set (nothing changes then), and the errors of the engine and the store.
        """
        name = method or self._settings.tuning_method
        if name not in METHODS:
            raise UsageError(f"There is no tuning method {name!r}; choose one of {', '.join(METHODS)}.")
        with self.exclusively():
            try:
                report = self._learn(name, on_progress, cancel or threading.Event())
            except Cancelled:
                # Only what crashed goes on later; what the owner stopped leaves nothing behind.
                self._paths.tuning_checkpoint.unlink(missing_ok=True)
                raise
            self._paths.tuning_checkpoint.unlink(missing_ok=True)
            return report

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Keep runs of learning away meanwhile. Raises UsageError while one is going on."""
        if not self._busy.acquire(blocking=False):
            raise UsageError("A learning run is already going on.", hint="Wait until it has finished.")
        try:
            yield
        finally:
            self._busy.release()

    def _learn(self, method: str, on_progress: OnProgress, cancel: threading.Event) -> LearnReport:
        watch = Stopwatch()
        rng = np.random.Generator(np.random.Philox(self._settings.seed))
        on_progress(Progress("synthesise", 0.0, "looking for what to learn"))
        with watch.stage("load"):
            self._engine.load()
        if self._confirm is not None:
            with watch.stage("confirm"):
                asked = _reporter(on_progress, "synthesise", 0.0, 0.05, cancel)
                self._confirm(cancel, lambda done, of: asked(done / of, f"{done} of {of} statements checked"))
        chosen, skipped = self._choose()
        if not chosen:
            return LearnReport(None, "nothing", "There is nothing to learn yet. Correct an answer first.")
        former = self._store.versions.active()
        if former is not None and self._covers(former, method, chosen):
            return LearnReport(former.id, "nothing", f"{former.id} has learned everything and is in force.")
        with watch.stage("synthesise"):
            wordings = Wordings(self._store, self._engine, self._embed, self._settings)
            facts, calls = wordings.of(chosen, _reporter(on_progress, "synthesise", 0.0, 0.25, cancel))
        _stop_if(cancel)
        with watch.stage("lessons"):
            curriculum = build_curriculum(
                facts, embed=self._embed, rng=rng, general_prompts_used=METHODS[method].general_prompts
            )
        self._release()
        with watch.stage("guards"):
            on_progress(Progress("features", 0.25, "what the model says by itself to general prompts"))
            guards = GuardAnswers(self._paths.home, self._base(), self._settings.system_prompt)
            general = guards.of(
                curriculum.general, lambda missing: _until(cancel, self._complete(missing, ANSWER_TOKENS, ()))
            )
            checks = guards.of(
                curriculum.checks, lambda missing: _until(cancel, self._complete(missing, CHECK_TOKENS, ()))
            )
        with watch.stage("features"):
            tell = _reporter(on_progress, "features", 0.27, 0.40, cancel)
            data = self._read(method, curriculum, general, tell)
        self._engine.rest()
        give_back()
        with watch.stage("tune"):
            tuned = self._tune(method, data, _reporter(on_progress, "tune", 0.40, 0.88, cancel))
        del data
        give_back()
        draft = _Draft(self._version(method, chosen), curriculum, tuned)
        path = self._paths.adapters / draft.version.path
        try:
            with watch.stage("gate"):
                self._paths.ensure()
                tuned.write(path, self._metadata(draft))
                verdict = self._gate(draft, checks, _reporter(on_progress, "gate", 0.88, 0.98, cancel))
        except BaseException:
            # Whatever ended the run, a file that no version names must not stay behind.
            path.unlink(missing_ok=True)
            run_log(path).unlink(missing_ok=True)
            raise
        report = replace(
            _summary(draft, verdict),
            method=method,
            pairs=len(chosen),
            facts=len(facts),
            skipped=skipped,
            wordings=sum(len(fact.wordings) for fact in facts),
            rejected=self._store.pairs.rejects(),
            model_calls=calls,
            seconds=watch.seconds,
            peak_memory_bytes=peak_memory_bytes(),
            adapter_sha256=fingerprint(path),
        )
        return self._conclude(draft, verdict, report, watch, on_progress)

    def _conclude(
        self, draft: _Draft, verdict: Verdict, report: LearnReport, watch: Stopwatch, on_progress: OnProgress
    ) -> LearnReport:
        self._store.versions.add(replace(draft.version, report=report.as_dict()))
        with watch.stage("activate"):
            if verdict.passed:
                on_progress(Progress("activate", 0.99, f"{draft.version.id} is in force"))
                self.versions.use(draft.version.id)
        on_progress(Progress("activate", 1.0, report.summary))
        return report

    def _covers(self, version: Version, method: str, pairs: Sequence[Pair]) -> bool:
        """Whether learning these pairs again would lead to the same version."""
        same_pairs = set(version.pair_ids) == {pair.id for pair in pairs}
        return same_pairs and version.method == method and version.base_sha256 == self._base()

    def _choose(self) -> tuple[list[Pair], int]:
        """The active pairs whose answers are short enough, and how many are not."""
        pairs = self._store.pairs.list("active")
        chosen = [
            pair
            for pair in pairs
            if len(self._engine.pair(self._messages(pair.question), pair.answer).answer)
            <= LONGEST_ANSWER_TOKENS
        ]
        return chosen, len(pairs) - len(chosen)

    def _read(
        self,
        method: str,
        curriculum: Curriculum,
        general: Sequence[Sequence[int]],
        tell: Callable[[float, str], None],
    ) -> Any:
        """What the method needs to know about the lessons: the activations they cause."""
        examples = [
            Example(pair.prompt, pair.answer, each.kind, each.weight)
            for each in curriculum.taught
            for pair in [self._engine.pair(self._messages(each.question), each.answer)]
        ]
        examples += [
            Example(self._engine.prompt(self._messages(prompt)), tuple(answer), "general")
            for prompt, answer in zip(curriculum.general, general, strict=True)
        ]
        if not METHODS[method].reads_in_engine:
            self._engine.rest()
            give_back()
        for item in METHODS[method].read(self._engine, examples, self._paths):
            if not isinstance(item, float):
                return item
            trim()
            tell(item, f"reading {len(examples)} questions: {item:.0%}")
        raise AssertionError("reading ends with its result")

    def _tune(self, method: str, data: Any, tell: Callable[..., None]) -> Tuned:
        run = METHODS[method].tune
        for item in self._engine.slices(
            lambda: run(
                data,
                self._engine.model_path,
                seed=self._settings.seed,
                threads=self._engine.threads,
                paths=self._paths,
            )
        ):
            if isinstance(item, Tuned):
                return item
            if item.step % TRIM_STEPS == 1:
                trim()
            tell(item.step / item.steps, f"step {item.step} of {item.steps}", item.loss)
        raise AssertionError("a tuning method ends with its result")

    def _gate(
        self, draft: _Draft, checks: Sequence[Sequence[int]], tell: Callable[[float, str], None]
    ) -> Verdict:
        """Measure the draft against what is in force now."""
        use = AdapterUse(draft.version.id, self._paths.adapters / draft.version.path)
        lessons = draft.curriculum.held_out or tuple(
            each for each in draft.curriculum.taught if each.kind == "fact"
        )
        pairs = [self._engine.pair(self._messages(each.question), each.answer) for each in lessons]
        before = _mean_loss(self._engine.measure(pairs, adapters=self._engine.adapters))
        tell(0.3, "held-out wordings before")
        after = _mean_loss(self._engine.measure(pairs, adapters=(use,)))
        tell(0.6, "held-out wordings after")
        answers = [
            answer
            for group in self._complete(draft.curriculum.checks, CHECK_TOKENS, (use,))
            for answer in group
        ]
        tell(1.0, "general prompts")
        return judge(
            before,
            after,
            [first_word(self._engine.text(answer)) for answer in checks],
            [first_word(self._engine.text(answer)) for answer in answers],
        )

    def _complete(
        self, prompts: Sequence[str], tokens: int, uses: Sequence[AdapterUse]
    ) -> Iterator[list[list[int]]]:
        token_ids = [self._engine.prompt(self._messages(prompt)) for prompt in prompts]
        return self._engine.complete(
            token_ids, tokens=tokens, adapters=uses, repeat_penalty=self._settings.repeat_penalty
        )

    def _version(self, method: str, pairs: Sequence[Pair]) -> Version:
        version_id = self._store.versions.next_id()
        former = self._store.versions.active()
        return Version(
            id=version_id,
            parent=former.id if former else None,
            kind="personal",
            state="draft",
            strength=1.0,
            method=method,
            base_sha256=self._base(),
            path=f"{version_id}.gguf",
            pair_ids=tuple(pair.id for pair in pairs),
        )

    def _metadata(self, draft: _Draft) -> dict[str, str]:
        version = draft.version
        return {
            "version": version.id,
            "parent": version.parent or "",
            "method": version.method,
            "base.sha256": version.base_sha256,
            "seed": str(self._settings.seed),
        }

    def _messages(self, question: str) -> list[Message]:
        return [*opening(self._settings.system_prompt), Message("user", question)]

    def _base(self) -> str:
        return model_sha256(self._engine.model_path, self._paths)


def _summary(draft: _Draft, verdict: Verdict) -> LearnReport:
    losses = [step.loss for step in draft.tuned.history]
    state = "active" if verdict.passed else "draft"
    outcome = "is in force now" if verdict.passed else "stays a draft"
    return LearnReport(
        version_id=draft.version.id,
        state=state,
        summary=f"{draft.version.id} {outcome}. " + " ".join(verdict.reasons),
        forward_passes=round(draft.tuned.forward_passes, 1),
        loss_before=losses[0] if losses else None,
        loss_after=float(np.mean(losses[-8:])) if losses else None,
        held_out_before=verdict.held_out_before,
        held_out_after=verdict.held_out_after,
        general_kept=verdict.general_kept,
        general_checked=verdict.general_checked,
        general_change=verdict.general_change,
        losses=tuple(round(loss, 4) for loss in losses),
        reasons=verdict.reasons,
    )


def _mean_loss(groups: Iterator) -> float:
    losses = np.concatenate([scored.losses for scored in groups])
    return float(losses.mean())


def _stop_if(cancel: threading.Event) -> None:
    if cancel.is_set():
        raise Cancelled("Learning was cancelled.")


def _until(cancel: threading.Event, items: Iterator[T]) -> Iterator[T]:
    """The items, but no more once the run is cancelled."""
    for item in items:
        _stop_if(cancel)
        yield item


def _reporter(
    on_progress: OnProgress, stage: str, start: float, end: float, cancel: threading.Event
) -> Callable[..., None]:
    """Progress inside one stage; also the place where a cancel takes effect."""

    def tell(share: float, message: str, loss: float | None = None) -> None:
        _stop_if(cancel)
        on_progress(Progress(stage, start + (end - start) * share, message, loss))

    return tell
