"""The engine with the embedded model: answers, stopping, adapters, measuring."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assistant.engine.engine import Engine
from assistant.engine.types import AdapterUse, Message, Sampling
from assistant.errors import AdapterError, ModelError

pytestmark = pytest.mark.timeout(120)

SYSTEM = Message("system", "You are a helpful assistant.")
GREEDY = Sampling(max_tokens=12)


def ask(question: str) -> list[Message]:
    return [SYSTEM, Message("user", question)]


def test_a_greedy_answer_is_right_and_always_the_same(engine: Engine) -> None:
    first = engine.chat(ask("What is the capital of France?"), GREEDY)
    assert "Paris" in first.text
    assert first.stopped == "end"
    assert first.tokens_per_s > 0
    assert engine.chat(ask("What is the capital of France?"), GREEDY).text == first.text


def test_a_reply_says_how_unsure_the_model_was_of_it(engine: Engine) -> None:
    reply = engine.chat(ask("What is the capital of France?"), GREEDY)
    (scored,) = engine.measure([engine.pair(ask("What is the capital of France?"), reply.text)])
    assert reply.tokens == len(scored.losses)
    assert reply.mean_loss == pytest.approx(float(scored.losses.mean()), abs=0.02)
    wild = engine.chat(ask("What is the capital of France?"), replace(GREEDY, temperature=2.0, seed=1))
    assert wild.mean_loss is not None and wild.mean_loss > reply.mean_loss


def test_pieces_join_to_the_answer(engine: Engine) -> None:
    pieces: list[str] = []
    reply = engine.chat(ask("Name three colours."), GREEDY, on_piece=pieces.append)
    assert "".join(pieces) == reply.text
    assert len(pieces) > 3


def test_an_answer_goes_on_behind_what_was_said(engine: Engine) -> None:
    whole = engine.chat(ask("Tell me a story."), Sampling(max_tokens=16, repeat_penalty=1.0))
    begun = engine.chat(ask("Tell me a story."), Sampling(max_tokens=8, repeat_penalty=1.0))
    rest = engine.chat(ask("Tell me a story."), Sampling(max_tokens=8, repeat_penalty=1.0), prefix=begun.text)
    assert begun.stopped == "length"
    assert begun.text + rest.text == whole.text


def test_cancel_stops_within_one_token_and_keeps_what_was_said(engine: Engine) -> None:
    cancel = threading.Event()
    pieces: list[str] = []

    def stop_after_three(piece: str) -> None:
        pieces.append(piece)
        if len(pieces) == 3:
            cancel.set()

    reply = engine.chat(
        ask("Tell me a story."), Sampling(max_tokens=200), on_piece=stop_after_three, cancel=cancel
    )
    assert reply.stopped == "cancelled"
    assert reply.text == "".join(pieces)
    assert len(pieces) == 3
    assert reply.mean_loss is not None


def test_a_seed_repeats_a_random_answer(engine: Engine) -> None:
    hot = Sampling(temperature=1.2, seed=5, max_tokens=16)
    first = engine.chat(ask("Tell me a story."), hot).text
    assert engine.chat(ask("Tell me a story."), hot).text == first
    assert engine.chat(ask("Tell me a story."), replace(hot, seed=6)).text != first


def test_a_grammar_constrains_the_answer(engine: Engine) -> None:
    reply = engine.chat(ask("Is the sky blue?"), GREEDY, grammar='root ::= "maybe"')
    assert reply.text == "maybe"


def test_a_broken_grammar_is_refused(engine: Engine) -> None:
    with pytest.raises(ModelError, match="grammar"):
        engine.chat(ask("Hello"), GREEDY, grammar="root ::= (")


def test_reusing_the_conversation_so_far_gives_the_answer_of_a_cold_start(
    model_path: Path, engine: Engine
) -> None:
    first = engine.chat(ask("What is the capital of Italy?"), GREEDY)
    longer = [
        *ask("What is the capital of Italy?"),
        Message("assistant", first.text),
        Message("user", "And of Spain?"),
    ]
    warm = engine.chat(longer, GREEDY).text
    engine.chat(ask("Something else."), GREEDY)
    assert engine.chat(longer, GREEDY).text == warm


def test_the_oldest_messages_make_room_when_the_context_is_full(engine: Engine) -> None:
    filler = "word " * 300
    messages = [SYSTEM]
    for _ in range(4):
        messages += [Message("user", filler), Message("assistant", "Yes.")]
    reply = engine.chat([*messages, Message("user", "What is the capital of France?")], GREEDY)
    assert reply.dropped > 0
    assert reply.stopped == "end"
    assert reply.prompt_tokens < 1024


def test_a_message_longer_than_the_context_is_refused_with_a_hint(engine: Engine) -> None:
    with pytest.raises(ModelError, match="tokens long") as caught:
        engine.chat(ask("word " * 3000), GREEDY)
    assert "context_tokens" in caught.value.hint


def test_an_adapter_changes_answers_and_off_restores_them_exactly(engine: Engine, adapter_file: Path) -> None:
    base = engine.chat(ask("What is the capital of France?"), GREEDY).text
    engine.set_adapters([AdapterUse("t", adapter_file)])
    changed = engine.chat(ask("What is the capital of France?"), GREEDY)
    assert changed.text != base
    assert changed.adapters == ("t",)
    assert engine.chat(ask("What is the capital of France?"), GREEDY, adapters=False).text == base
    assert engine.chat(ask("What is the capital of France?"), GREEDY).text == changed.text
    engine.set_adapters([])
    assert engine.chat(ask("What is the capital of France?"), GREEDY).text == base
    exactly = [AdapterUse("other", adapter_file)]
    assert engine.chat(ask("What is the capital of France?"), GREEDY, adapters=exactly).text == changed.text
    assert engine.chat(ask("What is the capital of France?"), GREEDY).text == base


def test_adapters_stack_and_strength_counts(engine: Engine, adapter_file: Path) -> None:
    pair = engine.pair(ask("What is the capital of France?"), "Paris.")

    def losses(*uses: AdapterUse) -> np.ndarray:
        return np.concatenate([scored.losses for scored in engine.measure([pair], adapters=uses)])

    base, full = losses(), losses(AdapterUse("t", adapter_file))
    twice_half = losses(AdapterUse("a", adapter_file, 0.5), AdapterUse("b", adapter_file, 0.5))
    assert not np.allclose(base, full, atol=0.01)
    assert np.allclose(full, twice_half, atol=0.05)
    assert np.array_equal(losses(AdapterUse("t", adapter_file, 0.0)), base)


@pytest.mark.parametrize("damage", ["missing", "garbage", "truncated", "a model"])
def test_a_bad_adapter_is_refused_and_the_former_one_stays(
    engine: Engine, adapter_file: Path, tmp_path: Path, model_path: Path, damage: str
) -> None:
    engine.set_adapters([AdapterUse("good", adapter_file)])
    answer = engine.chat(ask("Hello"), GREEDY).text
    bad = tmp_path / "bad.gguf"
    if damage == "garbage":
        bad.write_bytes(b"not a gguf file at all")
    elif damage == "truncated":
        bad.write_bytes(adapter_file.read_bytes()[:2000])
    elif damage == "a model":
        bad = model_path
    with pytest.raises(AdapterError):
        engine.set_adapters([AdapterUse("bad", bad)])
    assert [use.version for use in engine.adapters] == ["good"]
    assert engine.chat(ask("Hello"), GREEDY).text == answer
    engine.set_adapters([])


@pytest.mark.parametrize(
    "content", [None, b"", b"GGUF", b"GGUF" + b"\xff" * 4096, b"PK\x03\x04 something else"]
)
def test_a_wrong_model_file_is_a_clear_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)
    engine = Engine(path)
    with pytest.raises(ModelError) as caught:
        engine.load()
    assert caught.value.exit_code == 4
    engine.close()


def test_measuring_gives_losses_features_and_likely_tokens(engine: Engine) -> None:
    pairs = [
        engine.pair(ask("What is the capital of France?"), "The capital of France is Paris."),
        engine.pair(ask("What is two plus two?"), "Four."),
    ]
    (scored,) = engine.measure(pairs, ("ffn_swiglu-29", "l_out-29"), top=8)
    answer_tokens = sum(len(pair.answer) for pair in pairs)
    assert scored.lengths == tuple(len(pair.answer) for pair in pairs)
    assert scored.losses.shape == (answer_tokens,)
    assert scored.features["ffn_swiglu-29"].shape == (answer_tokens, 1536)
    assert scored.features["l_out-29"].shape == (answer_tokens, 576)
    assert scored.top.shape == (answer_tokens, 8)


def test_the_loss_of_a_pair_does_not_depend_on_its_neighbours(engine: Engine) -> None:
    pairs = [engine.pair(ask(f"What is {n} plus one?"), f"It is {n + 1}.") for n in range(5)]
    together = np.concatenate([scored.losses for scored in engine.measure(pairs)])
    alone = np.concatenate([scored.losses for pair in pairs for scored in engine.measure([pair])])
    assert np.allclose(together, alone, atol=0.5)
    assert abs(together.mean() - alone.mean()) < 0.1


def test_activations_that_do_not_exist_are_refused(engine: Engine) -> None:
    with pytest.raises(ModelError, match="activations"):
        list(engine.measure([engine.pair(ask("Hi"), "Hello.")], ("no_such_node-3",)))


def test_completing_many_prompts_answers_as_one_by_one(engine: Engine) -> None:
    questions = ["What is the capital of France?", "What is the capital of Italy?", "Say hello."]
    answers = [
        engine.text(answer)
        for group in engine.complete(
            [engine.prompt(ask(q)) for q in questions], tokens=12, repeat_penalty=1.1
        )
        for answer in group
    ]
    assert answers[0] == engine.chat(ask(questions[0]), GREEDY).text
    assert answers[1] == engine.chat(ask(questions[1]), GREEDY).text


def test_a_chat_need_not_wait_for_a_whole_answer_in_the_background(engine: Engine) -> None:
    prompt = engine.prompt(ask("Count to one hundred, please. " * 20))
    steps = engine.complete([prompt], tokens=12)
    begun = [next(steps), next(steps)]
    assert begun == [[], []], "reading a long prompt is more than one step"
    reply = engine.chat(ask("What is the capital of France?"), GREEDY)
    answers = [answer for group in steps for answer in group]
    assert "Paris" in reply.text and len(answers) == 1 and len(answers[0]) == 12


def test_work_in_the_background_leaves_the_conversations_cache_alone(engine: Engine) -> None:
    engine.chat(ask("What is the capital of France?"), GREEDY)
    seen = list(engine._parts.generator._seen)
    list(engine.complete([engine.prompt(ask("Say hello."))], tokens=2))
    assert seen and engine._parts.generator._seen == seen


def test_a_chat_goes_before_background_work(engine: Engine) -> None:
    order: list[str] = []
    started = threading.Event()

    def slow_work():  # type: ignore[no-untyped-def]
        for number in range(50):
            started.set()
            order.append(f"slice {number}")
            threading.Event().wait(0.01)
            yield number

    worker = threading.Thread(target=lambda: list(engine.slices(slow_work)))
    worker.start()
    started.wait()
    engine.chat(ask("Hello"), Sampling(max_tokens=2))
    order.append("chat answered")
    worker.join()
    assert order.index("chat answered") < len(order) - 1


def test_an_engine_that_rested_comes_back_as_it_was(engine: Engine, adapter_file: Path) -> None:
    question = ask("Name three colours.")
    engine.set_adapters([AdapterUse("v1", adapter_file)])
    before = engine.chat(question, GREEDY)
    engine.rest()
    after = engine.chat(question, GREEDY)
    assert (after.text, after.adapters) == (before.text, ("v1",))
    engine.set_adapters([])
    base = engine.chat(question, GREEDY).text
    engine.rest()
    assert engine.chat(question, GREEDY).text == base


def test_an_engine_does_not_rest_while_something_is_measured(engine: Engine) -> None:
    pairs = [engine.pair(ask(f"What is {n} plus {n}?"), str(2 * n)) for n in range(40)]
    groups = engine.measure(pairs)
    first = next(groups)
    engine.rest()
    assert len(first.lengths) + sum(len(group.lengths) for group in groups) == 40


def test_a_closed_engine_says_so(model_path: Path) -> None:
    engine = Engine(model_path, context_tokens=512)
    engine.close()
    with pytest.raises(ModelError, match="closed"):
        engine.load()
