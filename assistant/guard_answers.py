"""What the base model itself says to the guard prompts: computed once per model, then kept on disk.

Tuning holds the model to these answers, and the gate compares first words with them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

# Enough to anchor how an answer begins; later tokens follow from there.
ANSWER_TOKENS = 5
# Longer than the guards' answers, so that the first word is complete.
CHECK_TOKENS = 6


class GuardAnswers:
    """Greedy answers of the base model as token ids, by prompt."""

    def __init__(self, folder: Path, model_sha256: str, system_prompt: str) -> None:
        """Read what is known. A file of another model or system prompt, or a damaged one, is ignored."""
        self._path = folder / f"guards-{model_sha256[:16]}.json"
        self._system_prompt = system_prompt
        self._answers: dict[str, list[int]] = {}
        try:
            stored = json.loads(self._path.read_text())
            if stored["system_prompt"] == system_prompt:
                self._answers = stored["answers"]
        except (OSError, ValueError, KeyError, TypeError):
            return

    def of(
        self, prompts: Sequence[str], complete: Callable[[Sequence[str]], Iterator[list[list[int]]]]
    ) -> list[list[int]]:
        """The answers to `prompts`; those not known yet are computed by `complete` and kept."""
        missing = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._answers]
        if missing:
            answers = [answer for group in complete(missing) for answer in group]
            self._answers.update(zip(missing, answers, strict=True))
            self._path.touch(mode=0o600)
            self._path.write_text(
                json.dumps({"system_prompt": self._system_prompt, "answers": self._answers})
            )
        return [self._answers[prompt] for prompt in prompts]
