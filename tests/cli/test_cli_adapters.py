from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.models import chosen_model, model_sha256
from assistant.paths import Paths
from assistant.store import Store, Version
from tuning.adapter_file import write_adapter

Run = Callable[..., tuple[int, str, str]]
RunJson = Callable[..., Any]

# Width of the embedded model and of its feed-forward layer.
WIDTH, INNER = 576, 1536


def remember(
    paths: Paths, version_id: str, state: str = "draft", base_sha256: str = "another", **more: Any
) -> None:
    with Store.open(paths) as store:
        store.versions.add(
            Version(
                version_id,
                None,
                "personal",
                state,
                1.0,
                "layer-chain",
                base_sha256,
                f"{version_id}.gguf",
                **more,
            )
        )


def write(paths: Paths, version_id: str, seed: int) -> None:
    """A small random adapter that the embedded model accepts."""
    rng = np.random.Generator(np.random.Philox(seed))
    tensor = rng.normal(size=(4, INNER)).astype(np.float32), rng.normal(size=(WIDTH, 4)).astype(np.float32)
    write_adapter(
        paths.adapters / f"{version_id}.gguf",
        {"blk.29.ffn_down.weight": tensor},
        architecture="llama",
        alpha=4.0,
        metadata={"version": version_id},
    )


@pytest.fixture
def base(paths: Paths) -> str:
    """What tells the embedded model apart."""
    return model_sha256(chosen_model(None), paths.ensure())


def test_list_of_no_versions_says_so(run: Run, run_json: RunJson) -> None:
    assert run("adapters", "list") == (0, "", "Nothing was learned yet.\n")
    assert run_json("adapters", "list") == []


def test_list_and_show(run: Run, run_json: RunJson, paths: Paths) -> None:
    report = {
        "held_out_before": 3.0,
        "held_out_after": 0.5,
        "general_kept": 39,
        "general_checked": 40,
        "seconds": {"tune": 3.0, "gate": 1.0},
        "reasons": ["All is well."],
    }
    remember(paths, "v0001", "active", report=report)
    (version,) = run_json("adapters", "list")
    assert (version["id"], version["state"], version["strength"]) == ("v0001", "active", 1.0)
    assert run("adapters", "list")[1].splitlines()[1].startswith("v0001    active  personal  1")
    shown = run_json("adapters", "show", "v0001")
    assert (shown["version"]["report"], shown["bytes"]) == (report, None)
    text = run("adapters", "show", "v0001")[1]
    for words in ("loss 3.00 → 0.50", "39 of 40", "4 s", "All is well.", "missing"):
        assert words in text


def test_an_unknown_version_exits_with_2(run: Run) -> None:
    for command in (("show", "v0009"), ("use", "v0009"), ("strength", "v0009", "1")):
        assert run("adapters", *command)[:2] == (2, "")


def test_off_with_nothing_in_force_is_no_error(run: Run, run_json: RunJson) -> None:
    assert run("adapters", "off") == (0, "", "Nothing was in force; the base model answers.\n")
    assert run_json("adapters", "off") == {"active": []}


def test_off_needs_neither_model_nor_adapter(
    run: Run, run_json: RunJson, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSISTANT_MODEL", str(paths.home / "none.gguf"))
    remember(paths, "v0001", "active")
    assert run("adapters", "off")[2] == "v0001 is off; the base model answers.\n"
    assert [version["state"] for version in run_json("adapters", "list")] == ["retired"]


def test_use_of_a_version_of_another_model_exits_with_4(run: Run, run_json: RunJson, paths: Paths) -> None:
    remember(paths, "v0001")
    code, _, err = run("adapters", "use", "v0001")
    assert code == 4
    assert "another model" in err
    assert run_json("adapters", "list")[0]["state"] == "draft"


def test_a_version_is_used_with_the_model_it_is_given(
    run: Run, run_json: RunJson, paths: Paths, tmp_path: Path
) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF, but of another model")
    remember(paths, "v0001", base_sha256=model_sha256(other, paths.ensure()))
    code, _, err = run("adapters", "use", "v0001")
    assert (code, "another model" in err) == (4, True)
    # The given file is the one the version belongs to: now it is read, and found to be no model.
    code, _, err = run("adapters", "use", "v0001", "--model", str(other))
    assert (code, "another model" in err, "other.gguf" in err) == (4, False, True)
    assert run_json("adapters", "strength", "v0001", "0.5", "--model", str(other))["strength"] == 0.5
    for command in (("use", "v0001"), ("rollback",), ("strength", "v0001", "1")):
        code, _, err = run("adapters", *command, "--model", str(tmp_path / "none.gguf"))
        assert (code, "none.gguf does not exist" in err) == (4, True)


def test_strength_is_kept_within_bounds(run: Run, run_json: RunJson, paths: Paths) -> None:
    remember(paths, "v0001")
    assert run_json("adapters", "strength", "v0001", "0.5")["strength"] == 0.5
    assert run("adapters", "strength", "v0001", "7")[0] == 2
    assert run_json("adapters", "list")[0]["strength"] == 0.5


def test_a_database_in_use_exits_with_5(run: Run, paths: Paths) -> None:
    with Store.open(paths):
        assert run("adapters", "list")[0] == 0
        assert run("adapters", "off")[:2] == (5, "")


@pytest.mark.timeout(120)
def test_versions_are_switched_and_rolled_back(run: Run, run_json: RunJson, paths: Paths, base: str) -> None:
    for number in (1, 2):
        write(paths, f"v000{number}", seed=number)
        remember(paths, f"v000{number}", base_sha256=base)
    assert run_json("adapters", "use", "v0001") == {"active": ["v0001"]}
    assert run_json("adapters", "use", "v0002") == {"active": ["v0002"]}
    assert run_json("ask", "Hi", "--max-tokens", "2")["adapters"] == ["v0002"]
    assert run_json("adapters", "rollback") == {"active": ["v0001"]}
    assert run_json("adapters", "off") == {"active": []}
    assert run_json("ask", "Hi", "--max-tokens", "2")["adapters"] == []
    assert run("adapters", "rollback")[2] == "v0001 is in force.\n"


@pytest.mark.timeout(120)
def test_use_of_a_corrupt_adapter_exits_with_4_and_keeps_the_former(
    run: Run, run_json: RunJson, paths: Paths, base: str
) -> None:
    for number in (1, 2):
        write(paths, f"v000{number}", seed=number)
        remember(paths, f"v000{number}", base_sha256=base)
    run("adapters", "use", "v0001")
    file = paths.adapters / "v0002.gguf"
    file.write_bytes(file.read_bytes()[:2000])
    assert run("adapters", "use", "v0002")[0] == 4
    assert [version["state"] for version in run_json("adapters", "list")] == ["active", "draft"]
