"""The lessons that every tuning method of the comparison gets: the same token ids, made once.

    python benchmarks/tuning_lessons.py --items facts48 --out lessons.json

Facts in their given wordings and those that rules make, near misses answered "I don't know that yet.", and
general prompts with the base model's own greedy answers: the lessons of `learn now`, without the wordings
that the model would add, so that they can be made again exactly.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.items import Items, load_items
from tuning.examples import Example

MADE_WORDINGS = 6
ANSWER_TOKENS = 5


def chosen_items(name: str, facts: int | None) -> Items:
    """The items; with `facts` only the first so many facts and unknown questions, and 20 general prompts."""
    items = load_items(name)
    if facts is None:
        return items
    return replace(
        items, facts=items.facts[:facts], unknown=items.unknown[:facts], general=items.general[:20]
    )


def save(path: Path, examples: list[Example]) -> None:
    path.write_text(json.dumps([asdict(each) for each in examples]), encoding="utf-8")


def load(path: Path) -> list[Example]:
    return [
        Example(tuple(each["prompt"]), tuple(each["answer"]), each["kind"], each["weight"])
        for each in json.loads(path.read_text(encoding="utf-8"))
    ]


def make(items: Items, *, wordings: int, general: int, seed: int, threads: int) -> list[Example]:
    """Lessons about these items as token ids."""
    from assistant.curriculum import Fact, build_curriculum
    from assistant.embedder import LazyEmbedder
    from assistant.engine.types import Message, opening
    from assistant.services import open_engine
    from assistant.settings import Settings
    from synthesis.rules import reword

    settings = Settings().model_copy(update={"threads": threads})
    embedder = LazyEmbedder(settings.embedding_model)
    facts = []
    for each in items.facts:
        given = each.wordings[:wordings]
        made = [other for question in given for other in reword(question) if other not in given]
        facts.append(Fact(each.answer, given, tuple(dict.fromkeys(made))[:MADE_WORDINGS], ()))
    rng = np.random.Generator(np.random.Philox(seed))
    curriculum = build_curriculum(facts, embed=embedder, rng=rng, general_prompts_used=general)
    embedder.release()
    engine = open_engine(settings)
    try:

        def messages(question: str) -> list[Message]:
            return [*opening(settings.system_prompt), Message("user", question)]

        examples = [
            Example(pair.prompt, pair.answer, each.kind, each.weight)
            for each in curriculum.taught
            for pair in [engine.pair(messages(each.question), each.answer)]
        ]
        prompts = [engine.prompt(messages(prompt)) for prompt in curriculum.general]
        answers = [
            answer
            for group in engine.complete(
                prompts, tokens=ANSWER_TOKENS, repeat_penalty=settings.repeat_penalty
            )
            for answer in group
        ]
    finally:
        engine.close()
    guarded = zip(prompts, answers, strict=True)
    return [*examples, *(Example(prompt, tuple(answer), "general") for prompt, answer in guarded if answer)]


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the lessons of the tuning comparison.")
    parser.add_argument("--items", default="facts48")
    parser.add_argument("--facts", type=int, help="only the first so many")
    parser.add_argument("--wordings", type=int, default=3, help="given wordings of each fact")
    parser.add_argument("--general", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    items = chosen_items(args.items, args.facts)
    examples = make(items, wordings=args.wordings, general=args.general, seed=args.seed, threads=args.threads)
    save(args.out, examples)
    print(
        json.dumps({kind: sum(e.kind == kind for e in examples) for kind in ("fact", "unknown", "general")})
    )


if __name__ == "__main__":
    main()
