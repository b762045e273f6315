"""What a curious coordinator can tell, and what privacy costs: ε against gain, and the matched-loss test.

    python -m benchmarks.federation_audit --out docs/results/federation_audit.json [--features FOLDER]

Devices hold a few pairs each and learn together for a fixed number of rounds, all of them in every round. Per
ε the noise is calibrated for exactly these rounds. "gain" is how much the loss on pairs nobody held fell. The
audit asks which of two texts, one that a device held and one nobody held, explains better what the
coordinator received: each device's numbers ("local") or its group's sum ("secure"). It is calibrated, as an
able attacker would: what texts have in common is taken off first.

One task is least squares, small and exact; it shows how gain depends on the number of devices. The learning
rate, which a task fixes in public, is the best of three on another draw. No time is measured, so it may run
beside anything.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from federation.aggregate import Contribution, aggregate
from federation.keys import Signer
from federation.privacy.accountant import noise_multiplier
from federation.privacy.audit import auc, auc_error, auc_limit, matched_loss
from federation.privacy.noise import Grid, NoisePlan, skellam
from federation.privacy.secure_sum import grouped, noise_plan
from federation.state import State
from federation.task import Optimiser, Privacy, Subspace, Task, Window, range_for
from federation.wire import RoundRecord

EPSILONS = (math.inf, 8.0, 4.0, 2.0, 1.0)
RATES = (0.1, 0.03, 0.01)
DELTA = 1e-5
GROUP = 8
AUDITED_DEVICES = 256
MEASURED = Path(__file__).parent.parent / "federation" / "privacy" / "measured.json"

# (core [d], changes [M, d]) → losses [pairs, M]
PairLosses = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Setting:
    """Which device holds which pair; the last `held_out` pairs belong to nobody."""

    name: str
    losses: PairLosses
    owners: np.ndarray
    held_out: int
    rank: int
    rounds: int = 40
    directions: int = 64
    rates: tuple[float, ...] = RATES

    @property
    def devices(self) -> int:
        return int(self.owners.max()) + 1


@dataclass(frozen=True, slots=True)
class Row:
    """One run. `epsilon` None is no noise; `share` is the gain as a share of that without noise.

    `auc_limit` is what no attack on a device's presence can pass at this noise.
    """

    setting: str
    devices: int
    pairs_each: int
    rounds: int
    directions: int
    epsilon: float | None
    secure: bool
    multiplier: float
    rate: float
    gain: float
    share: float
    auc: float
    auc_error: float
    auc_limit: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """The gain, what the coordinator received [groups, T, N] and what texts explain [texts, T, N]."""

    gain: float
    received: np.ndarray
    explained: np.ndarray


def convex(devices: int, pairs: int, *, rank: int = 16, held_out: int = 512, seed: int = 0) -> Setting:
    """Least squares: devices agree on most of what they want, each has its own taste, labels are noisy."""
    rng = np.random.Generator(np.random.Philox(seed))
    d = rank * rank
    owners = np.repeat(np.arange(devices), pairs)
    common = rng.normal(size=d) / math.sqrt(d)
    tastes = common + 0.5 * rng.normal(size=(devices, d)) / math.sqrt(d)
    x = rng.normal(size=(len(owners) + held_out, d)).astype(np.float32)
    wanted = np.concatenate([tastes[owners], np.tile(common, (held_out, 1))]).astype(np.float32)
    y = (x * wanted).sum(axis=1) + 0.3 * rng.normal(size=len(x)).astype(np.float32)

    def losses(core: np.ndarray, changes: np.ndarray) -> np.ndarray:
        return 0.5 * (x @ (core + changes).T - y[:, None]) ** 2

    return Setting("convex", losses, owners, held_out, rank)


def learn(setting: Setting, plan: NoisePlan, groups: list[np.ndarray], *, rate: float, seed: int) -> Outcome:
    """All rounds with the real state, grid, noise and aggregation, without messages, keys and masks."""
    task = Task(
        name="audit",
        owner_text="A simulation.",
        coordinator=Signer(bytes(32)).public.hex(),
        base_model="00" * 32,
        window=Window(("simulated",), setting.rank, Subspace("seed", str(seed))),
        directions=setting.directions,
        scalar_range=range_for(setting.directions, plan.multiplier),
        rounds=setting.rounds,
        optimiser=Optimiser(kind="sgd", learning_rate=rate),
        privacy=Privacy(noise_multiplier=plan.multiplier),
    )
    rng = np.random.Generator(np.random.Philox(seed))
    grid, state = Grid(setting.directions, task.step), State(task)
    still = np.zeros((1, task.d), dtype=np.float32)
    texts = explained_texts(setting)
    received = np.empty((len(groups), setting.rounds, setting.directions), dtype=np.float32)
    explained = np.empty((len(texts), setting.rounds, setting.directions), dtype=np.float32)
    counts = np.bincount(setting.owners).astype(np.float32)
    start = float(setting.losses(state.value, still)[-setting.held_out :].mean())
    for number in range(setting.rounds):
        every = setting.losses(state.value, state.plan(number).changes(task))
        explained[:, number] = rows_z_scored(every[texts])
        # Pairs of a device lie together, so sums between the first of each are sums per device.
        firsts = np.flatnonzero(np.diff(setting.owners, prepend=-1))
        own = np.add.reduceat(every[: len(setting.owners)], firsts, axis=0, dtype=np.float64)
        placed = np.rint(rows_z_scored(own / counts[:, None]) / grid.step).astype(np.int64)
        placed += skellam(grid.share_variance(plan), placed.size, rng).reshape(placed.shape)
        sums = [placed[group].sum(axis=0) for group in groups]
        received[:, number] = grid.read(np.array(sums))
        parts = [Contribution(total, len(group)) for total, group in zip(sums, groups, strict=True)]
        record = RoundRecord(
            task=task.id,
            round=number,
            previous=bytes(32),
            reports=bytes(32),
            clients=setting.devices,
            payload=aggregate(parts, task.rule).tobytes(),
        )
        state.apply(record)
    end = float(setting.losses(state.value, still)[-setting.held_out :].mean())
    return Outcome(start - end, received, explained)


def explained_texts(setting: Setting) -> np.ndarray:
    """Which pairs the audit looks at: those of the first devices, and those nobody held."""
    audited = np.flatnonzero(setting.owners < AUDITED_DEVICES)
    return np.concatenate([audited, len(setting.owners) + np.arange(setting.held_out)])


def audit(setting: Setting, outcome: Outcome, groups: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Scores of devices' own texts and of texts nobody held, against the numbers of the device's group."""
    strangers = outcome.explained[-setting.held_out :]
    owners = setting.owners[setting.owners < AUDITED_DEVICES]
    usual = strangers.mean(axis=0)
    rng = np.random.Generator(np.random.Philox(9))
    present, absent = [], []
    for numbers, group in zip(outcome.received, groups, strict=True):
        mine = np.flatnonzero(np.isin(owners, group))
        if not len(mine):
            continue
        others = rng.choice(len(strangers), min(len(mine), len(strangers)), replace=False)
        present.append(matched_loss(numbers, outcome.explained[mine] - usual))
        absent.append(matched_loss(numbers, strangers[others] - usual))
    return np.concatenate(present), np.concatenate(absent)


def rows_z_scored(losses: np.ndarray) -> np.ndarray:
    """z-scores of each row [rows, N]."""
    centred = losses - losses.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / (losses.shape[1] - 1))
    return np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0.0)


def run(setting: Setting, epsilon: float, *, secure: bool, best: float | None) -> Row:
    """One ε in one mode. `best` is the gain without noise, None for that run itself."""
    multiplier = 0.0 if math.isinf(epsilon) else noise_multiplier(epsilon, DELTA, setting.rounds)
    plan = noise_plan(multiplier, GROUP) if secure else NoisePlan(multiplier)
    names = [number.to_bytes(4, "big") for number in range(setting.devices)]
    cut = grouped(names, GROUP, b"audit") if secure else [(name,) for name in names]
    groups = [np.array([int.from_bytes(name, "big") for name in group]) for group in cut]
    rate = setting.rates[0]
    if len(setting.rates) > 1:
        rate = max(setting.rates, key=lambda each: learn(setting, plan, groups, rate=each, seed=2).gain)
    outcome = learn(setting, plan, groups, rate=rate, seed=1)
    present, absent = audit(setting, outcome, groups)
    value = auc(present, absent)
    return Row(
        setting=setting.name,
        devices=setting.devices,
        pairs_each=len(setting.owners) // setting.devices,
        rounds=setting.rounds,
        directions=setting.directions,
        epsilon=None if math.isinf(epsilon) else epsilon,
        secure=secure,
        multiplier=round(multiplier, 2),
        rate=rate,
        gain=round(outcome.gain, 4),
        share=round(outcome.gain / (best or outcome.gain), 3),
        auc=round(value, 3),
        auc_error=round(auc_error(value, len(present), len(absent)), 3),
        auc_limit=round(auc_limit(multiplier, setting.rounds), 3),
    )


def table(setting: Setting) -> list[Row]:
    """Both modes at every ε, the run without noise first."""
    rows = []
    for secure in (False, True):
        best = None
        for epsilon in EPSILONS:
            row = run(setting, epsilon, secure=secure, best=best)
            best = best or row.gain
            rows.append(row)
            print(
                f"{row.setting} {row.devices:>5} devices of {row.pairs_each:>3}"
                f"  {'secure' if secure else 'local ':<6} ε {epsilon:>4g}  rate {row.rate:g}"
                f"  gain {row.gain:7.4f} ({row.share:5.2f})"
                f"  AUC {row.auc:.3f} ± {row.auc_error:.3f} (limit {row.auc_limit:.3f})",
                flush=True,
            )
    return rows


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="write the rows here as JSON")
    parser.add_argument("--devices", type=int, nargs="*", default=[64, 1024])
    parser.add_argument("--pairs", type=int, nargs="*", default=[16], help="pairs per device")
    parser.add_argument("--features", type=Path, help="also on the activations cached in this folder")
    parser.add_argument("--data", type=Path, default=Path(), help="where the texts are, if not cached yet")
    parser.add_argument("--write-measured", action="store_true", help="renew what `preview` tells the owner")
    options = parser.parse_args(arguments)
    rows = []
    for devices in options.devices:
        for pairs in options.pairs:
            rows += table(convex(devices, pairs))
    if options.features:
        from benchmarks.federation_audit_features import real

        rows += table(real(options.data, options.features))
    content = [dataclasses.asdict(row) for row in rows]
    if options.out:
        options.out.write_text(json.dumps(content, indent=1) + "\n")
    if options.write_measured:
        # Least squares with most devices: the real texts are too few for a number to be told.
        exact = [each for each in content if each["setting"] == "convex"]
        largest = max(each["devices"] for each in exact)
        told = [each for each in exact if each["devices"] == largest]
        MEASURED.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
