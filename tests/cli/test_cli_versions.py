"""`assistant adapters delete`: what it means for the rest, and doing it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assistant.paths import Paths
from assistant.store import Store, Version


def fill(paths: Paths) -> None:
    with Store.open(paths) as store:
        pair = store.pairs.add("Q?", "A.", source="added")
        for number, parent in (("v0001", None), ("v0002", "v0001")):
            (paths.ensure().adapters / f"{number}.gguf").write_bytes(b"GGUF")
            pairs = (pair.id,) if parent else ()
            store.versions.add(
                Version(
                    number, parent, "personal", "active", 1.0, "m", "0" * 64, f"{number}.gguf", pair_ids=pairs
                )
            )


def test_deleting_says_what_else_changes_and_removes_the_file(
    run: Callable[..., tuple[int, str, str]], paths: Paths
) -> None:
    fill(paths)
    code, _, err = run("adapters", "delete", "v0001")
    assert code == 2
    assert "v0002 came after it" in err
    code, _, err = run("adapters", "delete", "v0002", "--yes")
    assert code == 0
    assert "switched off first" in err
    assert "1 pair known to no other version will wait again" in err
    assert [file.name for file in paths.adapters.iterdir()] == ["v0001.gguf"]


def test_deleting_in_json(run_json: Callable[..., Any], paths: Paths) -> None:
    fill(paths)
    deleted = run_json("adapters", "delete", "v0001", "--yes")
    assert (deleted["version_id"], deleted["children"], deleted["bytes"]) == ("v0001", ["v0002"], 4)
