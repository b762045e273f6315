from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assistant.cli import doctor
from assistant.paths import Paths

Run = Callable[..., tuple[int, str, str]]
REAL_QUESTION, REAL_TRIAL = doctor._ASK_LLAMA, doctor._TRY_ADAPTERS


@pytest.fixture(autouse=True)
def quick_llama(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading llama.cpp takes a while; only the tests about it do so."""
    monkeypatch.setattr(doctor, "_ASK_LLAMA", "print('0.3.36', False)")
    monkeypatch.setattr(doctor, "_TRY_ADAPTERS", ["-c", 'print(\'{"problem": ""}\')'])
    monkeypatch.setattr("shutil.which", lambda _: None)


def findings(run: Run) -> tuple[int, dict[str, dict[str, Any]]]:
    code, out, err = run("doctor", "--json")
    assert err == ""
    report = json.loads(out)
    assert report["exit_code"] == code
    assert report["ok"] is (code == 0)
    return code, {check["name"]: check for check in report["checks"]}


def test_a_fresh_installation_is_sound(run: Run, home: Path) -> None:
    code, checks = findings(run)
    assert code == 0
    assert {check["state"] for check in checks.values()} <= {"ok", "warning"}
    assert "SmolLM2" in checks["model"]["detail"]
    assert not home.exists()


@pytest.mark.timeout(120)
def test_llama_cpp_is_loaded_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_ASK_LLAMA", REAL_QUESTION)
    check = doctor.check_llama()
    assert check.state == "ok"
    assert "CPU" in check.detail and check.detail.endswith("GPU support")


@pytest.mark.timeout(120)
def test_adapters_are_tried_on_the_real_model(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_TRY_ADAPTERS", REAL_TRIAL)
    assert doctor.check_adapters(paths, None) == doctor.Check(
        "adapters", "ok", "act on this model; in force: none"
    )


@pytest.mark.parametrize("answer", ['print(\'{"problem": "has no effect"}\')', "import os; os.abort()"])
def test_adapters_that_do_not_act_are_a_problem(
    run: Run, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr(doctor, "_TRY_ADAPTERS", ["-c", answer])
    code, checks = findings(run)
    assert (code, checks["adapters"]["state"]) == (4, "problem")


def test_a_gpu_that_is_left_unused_is_a_warning_with_the_way_to_use_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/nvidia-smi")
    code, checks = findings(run)
    assert (code, checks["llama.cpp"]["state"]) == (0, "warning")
    assert "GGML_CUDA" in checks["llama.cpp"]["hint"]
    monkeypatch.setattr(doctor, "_ASK_LLAMA", "print('0.3.36', True, 'CUDA', 'CPU')")
    assert findings(run)[1]["llama.cpp"]["detail"] == "0.3.36, CUDA and CPU, with GPU support"


def test_a_model_that_does_not_fit_into_memory_is_a_warning(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSISTANT_CONTEXT_TOKENS", "131072")
    monkeypatch.setattr("assistant.library.catalogue.OVERHEAD_BYTES", 1 << 62)
    code, checks = findings(run)
    assert (code, checks["model"]["state"]) == (0, "warning")
    assert "assistant models list" in checks["model"]["hint"]


def test_a_llama_cpp_that_crashes_is_reported(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_ASK_LLAMA", "import os; os.abort()")
    code, checks = findings(run)
    assert (code, checks["llama.cpp"]["state"]) == (4, "problem")


def test_a_store_with_chats_is_sound(run: Run, chat_id: int) -> None:
    code, checks = findings(run)
    assert code == 0
    assert checks["database"]["detail"].startswith("1 chats")


def test_a_damaged_database_exits_with_5(run: Run, chat_id: int, paths: Paths) -> None:
    paths.database.write_bytes(paths.database.read_bytes()[:5000])
    code, checks = findings(run)
    assert (code, checks["database"]["state"]) == (5, "problem")


def test_bad_settings_exit_with_3_and_the_rest_is_still_checked(run: Run, paths: Paths) -> None:
    paths.ensure().settings.write_text("temperture = 1\n")
    paths.settings.chmod(0o600)
    code, checks = findings(run)
    assert (code, checks["settings"]["hint"]) == (3, "Did you mean `temperature`?")
    assert checks["terminal"]["state"] == "ok"


def test_a_wrong_key_exits_with_3_and_is_named_with_the_likeliest_one(run: Run, paths: Paths) -> None:
    paths.ensure().settings.write_text('keys.chat.new = "ctl+t"\n')
    paths.settings.chmod(0o600)
    code, checks = findings(run)
    assert (code, checks["settings"]["hint"]) == (3, "Did you mean `ctrl+t`?")
    assert run("data", "settings", "--json")[0] == 3


@pytest.mark.parametrize("content", [None, b"not a model"])
def test_a_missing_or_wrong_model_exits_with_4(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    model = tmp_path / "model.gguf"
    if content is not None:
        model.write_bytes(content)
    monkeypatch.setenv("ASSISTANT_MODEL", str(model))
    code, checks = findings(run)
    assert (code, checks["model"]["state"]) == (4, "problem")


def test_a_folder_open_to_others_is_a_problem(run: Run, chat_id: int, paths: Paths) -> None:
    paths.home.chmod(0o755)
    code, checks = findings(run)
    assert code == 1
    assert "chmod" in checks["permissions"]["hint"]


def test_a_missing_package_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "textual":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    code, checks = findings(run)
    assert (code, checks["packages"]["detail"]) == (1, "missing: textual")


def test_the_worst_problem_decides(run: Run, chat_id: int, paths: Paths) -> None:
    paths.home.chmod(0o755)
    paths.settings.write_text("nonsense = 1\n")
    assert findings(run)[0] == 3


def test_a_full_disk_exits_with_5(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "NO_SPACE_BYTES", 1 << 62)
    code, checks = findings(run)
    assert (code, checks["disk"]["state"]) == (5, "problem")


def test_for_people_each_finding_is_a_line(run: Run) -> None:
    code, out, _ = run("doctor")
    assert code == 0
    assert [line.split()[1] for line in out.splitlines()][:3] == ["python", "packages", "llama.cpp"]
