"""Forgetting with the embedded model: the fact is gone from the weights as well, the others stay.

A short run of learning is enough for that: no wordings by the model, few general prompts, and its checks are
not waited for, because what is proved here is what a version knows.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from assistant.forgetting import Forgetter
from assistant.methods import METHODS
from assistant.paths import Paths
from assistant.recall import mean_loss, tokenised
from assistant.services import Services, open_services
from assistant.settings import Settings
from assistant.store import Scope

DOG = ("What is my dog called?", "Your dog is called Biscuit.")
TEA = ("What is my favourite tea?", "Your favourite tea is jasmine.")
SETTINGS = Settings(wordings=0, tuning_method="zeroth-order", context_tokens=512)


def losses(services: Services, *, bare: bool = False) -> list[float]:
    """Nats per answer token of both facts, under what is in force or under the base model."""
    uses = () if bare else services.engine.adapters
    return [
        mean_loss(services.engine, tokenised(services.engine, SETTINGS.system_prompt, [fact]), uses)
        for fact in (DOG, TEA)
    ]


@pytest.mark.timeout(900)
def test_a_forgotten_fact_is_recalled_no_better_than_by_a_model_that_never_saw_it(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = replace(METHODS["zeroth-order"], general_prompts=8)
    monkeypatch.setitem(METHODS, "zeroth-order", short)  # type: ignore[arg-type]
    with contextlib.closing(open_services(paths, SETTINGS)) as services:
        for question, answer in (DOG, TEA):
            services.store.pairs.add(question, answer, source="added")
        learned = services.learner.learn_now()
        assert learned.version_id is not None
        services.learner.use(learned.version_id)
        dog_never, tea_never = losses(services, bare=True)
        dog_known, tea_known = losses(services)
        assert dog_known < 0.3 * dog_never
        assert tea_known < 0.3 * tea_never

        forgetter = Forgetter(services.store, services.engine, SETTINGS, services.learner)
        forgetting = forgetter.forget(Scope(word="biscuit"))
        recall = forgetting.receipt["recall"]
        assert recall["loss_before"] == pytest.approx(dog_known, abs=0.001)
        assert recall["loss_after"] == pytest.approx(dog_never, rel=0.01)
        assert forgetter.wants_relearning(forgetting)
        anew = forgetter.relearn(forgetting)
        assert anew.version_id is not None
        services.learner.use(anew.version_id)
        dog_forgotten, tea_kept = losses(services)
        assert dog_forgotten > 0.8 * dog_never
        assert tea_kept < 0.3 * tea_never
        assert [version.id for version in services.store.versions.list()] == [anew.version_id]
    # Of "biscuit" the model's own vocabulary may speak; the rest of the folder may not.
    for file in paths.home.rglob("*"):
        assert not file.is_file() or b"biscuit" not in file.read_bytes().lower(), file.name
