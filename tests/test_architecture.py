"""Who may know whom: walks the imports of every file, without running any of them."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("selection", "synthesis", "tuning", "federation")
HEAVY = {
    "torch",
    "llama_cpp",
    "textual",
    "faiss",
    "sentence_transformers",
    "transformers",
    "peft",
    "flwr",
    "sqlite_utils",
}
# Where a heavy library may be imported at the top of a module: files that are themselves imported late.
HEAVY_AT_TOP = {
    "textual": ("assistant/tui/",),
    "textual_plotext": ("assistant/tui/",),
    "llama_cpp": ("assistant/engine/",),
    "faiss": ("selection/",),
    "sqlite_utils": ("selection/",),
    "torch": ("tuning/",),
    "flwr": ("federation/",),
}


def sources(*folders: str) -> list[Path]:
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


def place(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def imports(file: Path, *, top_only: bool = False) -> Iterator[str]:
    """Full names of the modules that `file` imports; with `top_only` those that importing it imports."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in at_top(tree) if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = file.relative_to(ROOT).parts[: -node.level] if node.level else ()
            base = ".".join([*package, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def at_top(tree: ast.AST) -> Iterator[ast.AST]:
    """Nodes that run on import: not in functions, not for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from at_top(node)


def belongs_to(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def offenders(files: list[Path], packages: set[str], *, top_only: bool = False) -> list[str]:
    return [
        f"{place(file)} imports {name}"
        for file in files
        for name in dict.fromkeys(imports(file, top_only=top_only))
        if any(belongs_to(name, package) for package in packages)
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_knows_neither_the_assistant_nor_another_room(room: str) -> None:
    others = {"assistant", *ROOMS} - {room}
    assert offenders(sources(room), others) == []


def test_only_the_screen_uses_textual() -> None:
    files = [file for file in sources("assistant", *ROOMS) if not place(file).startswith("assistant/tui/")]
    assert offenders(files, {"textual", "textual_plotext", "rich"}) == []


def test_the_screen_uses_no_sql_model_or_tuning_code() -> None:
    assert (
        offenders(sources("assistant/tui"), {"sqlite3", "sqlite_utils", "llama_cpp", "torch", "tuning"}) == []
    )


def test_only_the_store_and_the_selections_own_tables_use_sqlite() -> None:
    files = [
        file
        for file in sources("assistant", *ROOMS)
        if not place(file).startswith(("assistant/store/", "selection/"))
    ]
    assert offenders(files, {"sqlite3", "sqlite_utils"}) == []


def test_only_commands_use_typer() -> None:
    files = [file for file in sources("assistant", *ROOMS) if not place(file).startswith("assistant/cli/")]
    assert offenders(files, {"typer", "click"}) == []


def test_the_store_knows_nothing_above_it() -> None:
    above = {
        "assistant.cli",
        "assistant.tui",
        "assistant.plain",
        "assistant.conversation",
        "assistant.engine",
        *ROOMS,
    }
    assert offenders(sources("assistant/store"), above) == []


@pytest.mark.parametrize("library", sorted(HEAVY))
def test_heavy_libraries_are_imported_late(library: str) -> None:
    allowed = HEAVY_AT_TOP.get(library, ())
    files = [file for file in sources("assistant", *ROOMS) if not place(file).startswith(allowed or "-")]
    assert offenders(files, {library}, top_only=True) == []


@pytest.mark.parametrize(
    "module", ["assistant.cli.app", "assistant.store", "assistant.settings", "assistant.engine.types"]
)
def test_importing_what_starts_first_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(sorted({sorted(HEAVY)!r} & sys.modules.keys()))".replace(
        repr(sorted(HEAVY)), f"set({sorted(HEAVY)!r})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert loaded.strip() == "[]"


def test_help_needs_neither_settings_nor_screen() -> None:
    code = (
        "import sys; from assistant.cli.app import main; main(['--help']);"
        "assert not {'pydantic', 'rich', 'numpy', 'asyncio'} & sys.modules.keys(), 'slow to start'"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)


def test_no_file_collects_everything() -> None:
    too_long = {
        place(file): lines
        for file in sources("assistant", *ROOMS)
        if (lines := file.read_text(encoding="utf-8").count("\n")) > 500
    }
    assert too_long == {}


def test_every_module_says_what_it_is() -> None:
    silent = [
        place(file)
        for file in sources("assistant", *ROOMS)
        if file.read_text().strip() and not ast.get_docstring(ast.parse(file.read_text()))
    ]
    assert silent == []
