"""How well rewordings, statement pairs and contradictions work with the embedded model.

Wordings: how often a text of the model can be used, for each prompt design × grammar × temperature, why not,
and how diverse the accepted ones are; sets of six chosen in three ways; how many the rules fill up.
Statements: how often right pairs are confirmed and wrong ones rejected. Contradictions: which questions are
taken for the same. All texts are the benchmark's own (`synthesis_texts.json`; the last part uses the
development items).

    python benchmarks/synthesis.py [--quick] [--model FILE] [--tries 3] [--seed 0] [--threads 2]

Prints the tables and, but for --quick, writes them to docs/results/synthesis.md. With --quick about 3
minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from assistant.confirming import ANSWER_TOKENS
from assistant.engine.engine import Engine
from assistant.engine.types import Message, Sampling
from assistant.models import chosen_model
from assistant.wordings import MODEL_TRIES
from benchmarks import synthesis_page as page
from benchmarks.synthesis_statements import (
    question_groups,
    run_detectors,
    run_statements,
    statement_kinds,
)
from benchmarks.synthesis_wordings import (
    SET_SIZE,
    Question,
    run_cells,
    run_choices,
    run_fillings,
)
from selection.embedding import load_embedder
from synthesis.judge import Embed

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "results" / "synthesis.md"
CONTEXT_TOKENS = 1024
QUICK = 5
BUDGETS = (0, MODEL_TRIES, 12)


class Model:
    """The serving engine as synthesis uses it, without adapters."""

    def __init__(self, path: Path, threads: int) -> None:
        self.engine = Engine(path, context_tokens=CONTEXT_TOKENS, threads=threads, gpu_layers=0)
        self.engine.load()

    def generate(
        self, messages: list[tuple[str, str]], grammar: str | None, temperature: float, seed: int, most: int
    ) -> str:
        sampling = Sampling(temperature=temperature, seed=seed, max_tokens=most, repeat_penalty=1.0)
        turns = [Message(role, content) for role, content in messages]
        return self.engine.chat(turns, sampling, grammar=grammar).text

    def ask(self, messages: list[tuple[str, str]]) -> str:
        prompt = self.engine.prompt([Message(role, content) for role, content in messages])
        (answer,) = [each for group in self.engine.complete([prompt], tokens=ANSWER_TOKENS) for each in group]
        return self.engine.text(answer)


def tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def run(arguments: argparse.Namespace, model: Model, embed: Embed) -> str:
    """The four parts, as Markdown."""
    data = json.loads((ROOT / "benchmarks" / "synthesis_texts.json").read_text(encoding="utf-8"))
    few = QUICK if arguments.quick else None
    questions = [Question(each["question"], each["answer"]) for each in data["questions"][:few]]
    cells = run_cells(questions, model.generate, embed, tries=arguments.tries, seed=arguments.seed, tell=tell)
    choices = run_choices(questions, cells, embed)
    fillings = run_fillings(questions, model.generate, embed, BUDGETS, arguments.seed)
    kinds = run_statements(statement_kinds(data, few), model.ask, tell)
    groups = question_groups(arguments.seed)
    detectors = run_detectors(groups, embed)
    return f"""## Rewordings by the model

{len(questions)} questions, {arguments.tries} tries each; every text judged by the checks as shipped.
Diversity is the mean over the questions with two or more accepted wordings: pairwise is 1 − ROUGE-1 F of two
of them, distinct-2 the share of different bigrams, from the question 1 − ROUGE-1 F to the original. "Led" is
made to begin as one of the examples does.

{page.wordings_table(cells, embed)}

What the design in use had accepted at its first temperature:

{page.accepted(cells)}

## The choice of a set

{SET_SIZE} of the same accepted wordings (those of the led design at all temperatures, and up to 18 by rule),
chosen in three ways. "Nearest two" is the smallest distance of words and meaning in a set, the question
included.

{page.choices_table(choices)}

## What the rules fill up

`rephrase` as it is used, {SET_SIZE} wordings wanted of each of {len(questions)} questions; `learn now` allows
{MODEL_TRIES} calls a question.

{page.fillings_table(fillings, len(questions))}

## Statements

The question is put to the model with the statement among other notes. "Left open" asks about the same thing
what was not said; "misread" are pairs as a pattern could wrongly take them, mostly figures of speech.

{page.statements_table(kinds)}

Judged wrongly:

{page.mistakes(kinds)}

## Contradictions

Pairs of questions that are taken for the same one. Only the first column asks the same (three given wordings
and the held-out one of each fact of the development sets); whatever is counted in the others would replace an
answer about something else.

{page.detectors_table(detectors, groups)}
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} questions and statements, two tries")
    parser.add_argument("--model", type=Path, help="a GGUF file; else the model that is installed along")
    parser.add_argument("--tries", type=int, default=3, help="texts for each question and cell")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.tries = 2
    started = time.perf_counter()
    model = Model(chosen_model(str(arguments.model or "")), arguments.threads)
    body = run(arguments, model, load_embedder().encode)
    model.engine.close()
    minutes = (time.perf_counter() - started) / 60
    command = " ".join(["python benchmarks/synthesis.py", *sys.argv[1:]])
    head = f"""# Rewordings, statements and contradictions

Made by `{command}` on {datetime.now(UTC):%Y-%m-%d}; do not edit. Model {model.engine.model_name}, embeddings
all-MiniLM-L6-v2, seed {arguments.seed}, {arguments.threads} threads, {minutes:.0f} minutes on
{page.machine()}.

"""
    print(head + body)
    if not arguments.quick:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(head + body, encoding="utf-8")


if __name__ == "__main__":
    main()
