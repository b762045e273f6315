"""`assistant doctor`: looks at everything the program needs and says what to do about what is wrong."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from assistant.cli.output import AsJson, document, line, size
from assistant.errors import AssistantError, ModelError, SettingsError, StoreError
from assistant.models import check_gguf, chosen_model
from assistant.paths import Paths, default_paths

if TYPE_CHECKING:
    from assistant.settings import Settings

OLDEST_PYTHON = (3, 11)
PACKAGES = (
    "llama-cpp-python",
    "gguf",
    "torch",
    "numpy",
    "sentence-transformers",
    "faiss-cpu",
    "textual",
    "sqlite-utils",
    "typer",
    "pydantic-settings",
)
LITTLE_SPACE_BYTES = 1 << 30
NO_SPACE_BYTES = 32 << 20
# A broken build of llama.cpp can end the process; asking in another one leaves this one to tell.
_ASK_LLAMA = """
import re, llama_cpp
# Such as "CUDA : ARCHS = 900 | CPU : SSE3 = 1 | AVX2 = 1 |"
parts = re.findall(r"(\\w+) : ", llama_cpp.llama_print_system_info().decode())
print(llama_cpp.__version__, llama_cpp.llama_supports_gpu_offload(), *parts)
"""
_TRY_ADAPTERS = ["-m", "assistant.engine.selftest"]
_LLAMA_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `state` is ok, warning or problem; only a problem has an exit code other than 0."""

    name: str
    state: str
    detail: str
    hint: str = ""
    exit_code: int = 0


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(as_json: AsJson = False) -> None:
    """Check the installation; the exit code is that of the worst problem."""
    checks = list(examine(default_paths()))
    worst = max(check.exit_code for check in checks)
    if as_json:
        document({"ok": worst == 0, "exit_code": worst, "checks": checks})
    else:
        for check in checks:
            line(f"{check.state:8} {check.name:12} {check.detail}")
            if check.hint and check.state != "ok":
                line(f"{'':8} {'':12} {check.hint}")
    raise typer.Exit(worst)


def examine(paths: Paths) -> Iterator[Check]:
    """Every check in turn. A check never raises: what it finds is its result."""
    yield check_python()
    yield check_packages()
    yield check_llama()
    settings, check = check_settings(paths)
    yield check
    yield check_model(settings)
    yield check_adapters(paths, settings)
    yield check_database(paths)
    yield check_permissions(paths)
    yield check_disk(paths)
    yield check_terminal()


def check_python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        return _problem(
            "python", f"{version} is too old", f"Install Python {wanted} or newer.", AssistantError
        )
    return Check("python", "ok", f"{version} at {sys.executable}")


def check_packages() -> Check:
    import importlib.metadata

    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return _problem(
            "packages", f"missing: {', '.join(missing)}", "Install the assistant again.", AssistantError
        )
    return Check("packages", "ok", ", ".join(found))


def check_llama() -> Check:
    """llama.cpp loads, what it computes on, and whether a GPU of this machine is left unused."""
    hint = "Install llama-cpp-python again; it needs a C++ compiler."
    answer, failure = _ask(["-c", _ASK_LLAMA])
    if failure:
        return _problem("llama.cpp", failure, hint, ModelError)
    version, offload, *backends = answer.split()
    has_gpu = offload == "True"
    kinds = " and ".join(dict.fromkeys(backends or ["CPU"]))
    detail = f"{version}, {kinds}, {'with' if has_gpu else 'without'} GPU support"
    if not has_gpu and (way := _unused_gpu()):
        return Check("llama.cpp", "warning", detail, way)
    return Check("llama.cpp", "ok", detail)


def _unused_gpu() -> str:
    """How to make use of a GPU that this machine has; empty where none is seen."""
    again = "pip install --force-reinstall --no-binary llama-cpp-python llama-cpp-python"
    if shutil.which("nvidia-smi"):
        return f"There is an NVIDIA GPU. To use it: CMAKE_ARGS=-DGGML_CUDA=on {again}"
    if sys.platform == "darwin" and os.uname().machine == "arm64":
        return f"There is an Apple GPU. To use it: CMAKE_ARGS=-DGGML_METAL=on {again}"
    return ""


def _ask(arguments: list[str]) -> tuple[str, str]:
    """The last line that another Python process writes, and in words how it failed, if it did."""
    import subprocess

    try:
        answer = subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            timeout=_LLAMA_TIMEOUT_S,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return "", "does not finish"
    except subprocess.CalledProcessError as failure:
        last = failure.stderr.strip().splitlines()[-1:] or [f"ended with {failure.returncode}"]
        return "", f"does not work: {last[0]}"
    return (answer.stdout.strip().splitlines() or [""])[-1], ""


def check_settings(paths: Paths) -> tuple[Settings | None, Check]:
    from assistant.settings import load_settings

    try:
        settings = load_settings(paths)
    except SettingsError as problem:
        return None, _problem("settings", problem.message, problem.hint, SettingsError)
    where = str(paths.settings) if paths.settings.exists() else "defaults, there is no file"
    return settings, Check("settings", "ok", where)


def check_model(settings: Settings | None) -> Check:
    try:
        chosen = chosen_model(settings.model if settings is not None else None)
        check_gguf(chosen)
    except ModelError as problem:
        return _problem("model", problem.message, problem.hint, ModelError)
    return _fits_in_memory(chosen, settings)


def _fits_in_memory(model: Path, settings: Settings | None) -> Check:
    import psutil

    from assistant.library.shelf import needed_bytes

    detail = f"{model} ({size(model.stat().st_size)})"
    needed = needed_bytes(model, settings.context_tokens if settings else 4096)
    there = psutil.virtual_memory().available
    if needed is not None and needed > there:
        hint = "Lower the setting context_tokens, or choose a smaller one: `assistant models list`."
        return Check("model", "warning", f"{detail} takes {size(needed)}; {size(there)} are free", hint)
    return Check("model", "ok", detail if needed is None else f"{detail}, takes {size(needed)} of memory")


def check_adapters(paths: Paths, settings: Settings | None) -> Check:
    """A random adapter, and the versions in force, change what the model says."""
    import json

    try:
        model = chosen_model(settings.model if settings is not None else None)
        check_gguf(model)
        files = _adapters_in_force(paths, model)
    except (ModelError, StoreError) as problem:
        return Check("adapters", "warning", f"not tried: {problem.message}", problem.hint)
    answer, failure = _ask([*_TRY_ADAPTERS, str(model), *map(str, files)])
    problem_told = failure or json.loads(answer)["problem"]
    if problem_told:
        hint = "`assistant adapters off` answers as the base model."
        return _problem("adapters", problem_told, hint, ModelError)
    names = ", ".join(file.stem for file in files)
    return Check("adapters", "ok", f"act on this model; in force: {names or 'none'}")


def _adapters_in_force(paths: Paths, model: Path) -> list[Path]:
    from assistant.models import model_sha256
    from assistant.store import Store
    from assistant.versions import uses_in_force

    if not paths.database.exists():
        return []
    with Store.open(paths, write=False) as store:
        if not any(version.state == "active" for version in store.versions.list()):
            return []
        uses, _ = uses_in_force(store, paths, model_sha256(model, paths))
    return [use.path for use in uses]


def check_database(paths: Paths) -> Check:
    from assistant.store import Store

    if not paths.database.exists():
        return Check("database", "ok", "none yet")
    try:
        with Store.open(paths, write=False) as store:
            damages = store.check()
            chats = len(store.chats.list())
    except StoreError as problem:
        return _problem("database", problem.message, problem.hint, StoreError)
    if damages:
        return _problem("database", f"damaged: {damages[0]}", "Restore a backup.", StoreError)
    return Check("database", "ok", f"{chats} chats, {size(paths.database.stat().st_size)}, sound")


def check_permissions(paths: Paths) -> Check:
    """Nobody but the owner may enter the folder."""
    if not paths.home.exists():
        return Check("permissions", "ok", f"{paths.home} is not there yet")
    hint = f"Run: chmod -R go-rwx {paths.home}"
    try:
        places = [paths.home, *paths.home.iterdir()]
        open_to_others = [place for place in places if stat.S_IMODE(place.stat().st_mode) & 0o077]
    except OSError as problem:
        return _problem("permissions", f"{paths.home}: {problem.strerror}", hint, AssistantError)
    if not os.access(paths.home, os.W_OK):
        return _problem("permissions", f"{paths.home} cannot be written to", hint, AssistantError)
    if open_to_others:
        names = ", ".join(str(place) for place in open_to_others)
        return _problem("permissions", f"others can read {names}", hint, AssistantError)
    return Check("permissions", "ok", f"{paths.home} is private")


def check_disk(paths: Paths) -> Check:
    place = next(folder for folder in (paths.home, *paths.home.absolute().parents) if folder.exists())
    free_bytes = shutil.disk_usage(place).free
    detail = f"{size(free_bytes)} free"
    hint = "Free some space; `assistant data paths` shows what is stored where."
    if free_bytes < NO_SPACE_BYTES:
        return _problem("disk", detail, hint, StoreError)
    if free_bytes < LITTLE_SPACE_BYTES:
        return Check("disk", "warning", detail, hint)
    return Check("disk", "ok", detail)


def check_terminal() -> Check:
    """Whether the screen can be used; without a terminal the chat works line by line."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Check("terminal", "ok", "none; chats are line by line")
    width, height = shutil.get_terminal_size()
    kind = os.environ.get("TERM", "unknown")
    colour = "no colour (NO_COLOR)" if os.environ.get("NO_COLOR") else "colour"
    detail = f"{kind}, {width}×{height}, {sys.stdout.encoding}, {colour}"
    if "utf" not in sys.stdout.encoding.lower():
        return Check("terminal", "warning", detail, "Set a UTF-8 locale, for instance LANG=C.UTF-8.")
    if kind == "dumb":
        return Check("terminal", "warning", detail, "Use `assistant --plain` in this terminal.")
    return Check("terminal", "ok", detail)


def _problem(name: str, detail: str, hint: str, kind: type[AssistantError]) -> Check:
    return Check(name, "problem", detail, hint, kind.exit_code)
