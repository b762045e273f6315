"""Users and their pairs for the federation benchmark: activations of the embedded model, cached in a file."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assistant.engine.engine import Engine
from assistant.engine.types import Message, TokenisedPair, opening
from assistant.settings import Settings
from tuning.answer_features import AnswerFeatures

QUESTION_LETTERS, ANSWER_TOKENS, CANDIDATES = 160, 16, 32
# Question and answer.
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """How many users of each sort, with so many pairs each, drawn by `seed`."""

    devices: int
    held_out: int
    public: int
    pairs: int
    seed: int = 0

    @property
    def name(self) -> str:
        return f"{self.devices}-{self.held_out}-{self.public}-{self.pairs}-{self.seed}"


@dataclass(frozen=True, slots=True)
class Split:
    """Features per device, of users whose pairs nobody learns from, and of public texts."""

    devices: list[AnswerFeatures]
    held_out: AnswerFeatures
    public: AnswerFeatures


def load(corpus: str, data: Path, model: Path, plan: Plan, cache: Path, threads: int) -> Split:
    """Features of a corpus ("self-dialogue" or "dolly"); computed once per plan, then read from `cache`."""
    file = cache / f"federation-{corpus}-{plan.name}.npz"
    if not file.exists():
        users = self_dialogue(data, plan) if corpus == "self-dialogue" else dolly(data, plan)
        cache.mkdir(parents=True, exist_ok=True)
        _measure(users, model, threads, file)
    with np.load(file) as stored:
        every = {name: stored[name] for name in stored.files}
    users = [_features(every, user) for user in range(len(every["users"]))]
    devices = users[: plan.devices]
    held_out = _joined(users[plan.devices : plan.devices + plan.held_out])
    return Split(devices, held_out, _joined(users[plan.devices + plan.held_out :]))


def self_dialogue(data: Path, plan: Plan) -> list[list[Pair]]:
    """The natural split: one user, one device; the first two turns of each dialogue are a pair."""
    by_user: dict[str, list[Pair]] = defaultdict(list)
    for row in _rows(data / "self_dialogue.jsonl.gz"):
        question, answer = (each["content"] for each in row["messages"][:2])
        if len(question) < QUESTION_LETTERS:
            by_user[row["user"]].append((question, answer))
    rng = np.random.Generator(np.random.Philox(plan.seed))
    rich = sorted(user for user, pairs in by_user.items() if len(pairs) >= plan.pairs)
    count = plan.devices + plan.held_out + plan.public
    if len(rich) < count:
        raise SystemExit(f"only {len(rich)} users have {plan.pairs} pairs")
    chosen = rng.permutation(len(rich))[:count]
    return [by_user[rich[each]][: plan.pairs] for each in chosen]


def dolly(data: Path, plan: Plan) -> list[list[Pair]]:
    """Dirichlet 0.5 over the eight categories for devices; held-out and public ones get the common mix."""
    pools: dict[str, list[Pair]] = defaultdict(list)
    for row in _rows(data / "dolly15k.jsonl.gz"):
        question, answer = (each["content"] for each in row["messages"][:2])
        if len(question) < QUESTION_LETTERS:
            pools[row["category"]].append((question, answer))
    rng = np.random.Generator(np.random.Philox(plan.seed))
    names = sorted(pools)
    for name in names:
        pools[name] = [pools[name][each] for each in rng.permutation(len(pools[name]))]
    total = np.array([len(pools[name]) for name in names], dtype=np.float64)
    users = []
    for number in range(plan.devices + plan.held_out + plan.public):
        shares = rng.dirichlet(np.full(len(names), 0.5)) if number < plan.devices else total / total.sum()
        users.append([pools[names[each]].pop() for each in rng.choice(len(names), plan.pairs, p=shares)])
    return users


def _rows(file: Path) -> list[dict[str, list[dict[str, str]]]]:
    if not file.exists():
        raise SystemExit(f"missing {file}: name the folder with --data")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _measure(users: Sequence[Sequence[Pair]], model: Path, threads: int, file: Path) -> None:
    engine = Engine(model, threads=threads, gpu_layers=0)
    start = opening(Settings().system_prompt)
    pairs, owners = [], []
    for user, own in enumerate(users):
        for question, answer in own:
            whole = engine.pair([*start, Message("user", question)], answer)
            pairs.append(TokenisedPair(whole.prompt, whole.answer[:ANSWER_TOKENS]))
            owners.append(user)
    last = engine.layers - 1
    nodes = (f"ffn_swiglu-{last}", f"l_out-{last}")
    groups = []
    for scored in engine.measure(pairs, nodes, top=CANDIDATES):
        groups.append(scored)
        print(f"  features: {sum(len(each.lengths) for each in groups)} of {len(pairs)} pairs", end="\r")
    print()
    engine.close()
    np.savez(
        file,
        a=np.concatenate([each.features[nodes[0]] for each in groups]),
        h=np.concatenate([each.features[nodes[1]] for each in groups]),
        top=np.concatenate([each.top for each in groups]),
        targets=np.concatenate([np.array(pair.answer, dtype=np.int64) for pair in pairs]),
        lengths=np.array([len(pair.answer) for pair in pairs]),
        owners=np.array(owners),
        users=np.arange(len(users)),
    )


def _features(every: dict[str, np.ndarray], user: int) -> AnswerFeatures:
    mine = every["owners"] == user
    rows = np.repeat(mine, every["lengths"])
    lengths = every["lengths"][mine]
    return AnswerFeatures(
        a=every["a"][rows],
        h=every["h"][rows],
        targets=every["targets"][rows],
        top=every["top"][rows],
        lengths=tuple(int(each) for each in lengths),
        kinds=("fact",) * len(lengths),
        weights=np.ones(len(lengths), dtype=np.float32),
    )


def _joined(parts: Sequence[AnswerFeatures]) -> AnswerFeatures:
    return AnswerFeatures(
        a=np.concatenate([each.a for each in parts]),
        h=np.concatenate([each.h for each in parts]),
        targets=np.concatenate([each.targets for each in parts]),
        top=np.concatenate([each.top for each in parts]),
        lengths=tuple(length for each in parts for length in each.lengths),
        kinds=tuple(kind for each in parts for kind in each.kinds),
        weights=np.concatenate([each.weights for each in parts]),
    )


def device_seed(number: int) -> bytes:
    """A key for a simulated device."""
    return hashlib.sha256(b"simulated device %d" % number).digest()
