"""Versions leave the home folder as PEFT checkpoints or GGUF files, never over something else."""

from __future__ import annotations

import json
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


@pytest.fixture
def version(paths: Paths) -> Version:
    """A version of the embedded model: queries of one layer, the last down projection in another rank."""
    rng = np.random.default_rng(1)
    tensors = {
        "blk.28.attn_q.weight": (rng.normal(size=(4, 576)), rng.normal(size=(576, 4))),
        "blk.28.attn_v.weight": (rng.normal(size=(4, 576)), rng.normal(size=(192, 4))),
        "blk.29.ffn_down.weight": (rng.normal(size=(6, 1536)), rng.normal(size=(576, 6))),
    }
    base = model_sha256(chosen_model(None), paths.ensure())
    write_adapter(
        paths.adapters / "v0001.gguf",
        tensors,
        architecture="llama",
        alpha=8.0,
        metadata={"version": "v0001"},
    )
    return remember(paths, base)


def remember(paths: Paths, base: str) -> Version:
    made = Version("v0001", None, "personal", "draft", 1.0, "layer-chain", base, "v0001.gguf")
    with Store.open(paths) as store:
        store.versions.add(made)
    return made


def test_a_peft_checkpoint_names_the_same_matrices(
    run_json: RunJson, version: Version, tmp_path: Path
) -> None:
    from safetensors.numpy import load_file

    told = run_json("adapters", "export", "v0001", str(tmp_path / "out"))
    weights, config = (Path(file) for file in told["files"])
    assert (weights.name, config.name) == ("adapter_model.safetensors", "adapter_config.json")
    settings = json.loads(config.read_text())
    down = "model.layers.29.mlp.down_proj"
    assert (settings["r"], settings["lora_alpha"], settings["rank_pattern"]) == (4, 8.0, {down: 6})
    assert load_file(weights)[f"base_model.model.{down}.lora_A.weight"].shape == (6, 1536)
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in (weights, config))


def test_gguf_is_the_very_file(run: Run, version: Version, paths: Paths, tmp_path: Path) -> None:
    code, out, _ = run("adapters", "export", "v0001", str(tmp_path / "out"), "--format", "gguf")
    file = Path(out.strip())
    assert (code, file) == (0, tmp_path / "out" / "v0001.gguf")
    assert file.read_bytes() == (paths.adapters / "v0001.gguf").read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600


def test_nothing_is_written_over(run: Run, version: Version, tmp_path: Path) -> None:
    taken = tmp_path / "adapter_config.json"
    taken.write_text("mine")
    code, _, err = run("adapters", "export", "v0001", str(tmp_path))
    assert (code, "there already" in err) == (2, True)
    assert taken.read_text() == "mine"
    assert not (tmp_path / "adapter_model.safetensors").exists()


def test_what_cannot_be_exported_says_why(run: Run, version: Version, paths: Paths, tmp_path: Path) -> None:
    folder = str(tmp_path / "out")
    assert run("adapters", "export", "v0009", folder)[0] == 2
    assert run("adapters", "export", "v0001", folder, "--format", "onnx")[0] == 2
    (paths.adapters / "v0001.gguf").write_bytes(b"damaged")
    assert run("adapters", "export", "v0001", folder)[0] == 4
    (paths.adapters / "v0001.gguf").unlink()
    assert run("adapters", "export", "v0001", folder)[0] == 4


def test_a_version_of_another_model_needs_that_model(run: Run, paths: Paths, tmp_path: Path) -> None:
    remember(paths, "another")
    (paths.ensure().adapters / "v0001.gguf").write_bytes(b"whatever")
    code, _, err = run("adapters", "export", "v0001", str(tmp_path / "out"))
    assert (code, "--model" in err) == (4, True)
