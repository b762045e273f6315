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


def test_a_pair_gets_other_words_before_it_is_learned(
    run: Callable[..., tuple[int, str, str]], paths: Paths
) -> None:
    with Store.open(paths) as store:
        store.pairs.add("My dog?", "Rex.", source="statement")
    code, _, err = run("learn", "edit", "1", "--answer", "Biscuit.")
    assert code == 0
    assert "Pair 2 takes the place of pair 1" in err
    assert run("learn", "edit", "2", "--answer", "Biscuit.")[2].startswith("These are its words already")
    assert run("learn", "edit", "2")[0] == 2


def test_status_tells_what_the_next_tuning_costs(run_json: Callable[..., Any], paths: Paths) -> None:
    report = {"seconds": {"tune": 20.0}}
    with Store.open(paths) as store:
        pair = store.pairs.add("My dog?", "Rex.", source="added")
        store.versions.add(
            Version(
                "v0001",
                None,
                "personal",
                "draft",
                1.0,
                "layer-chain",
                "0" * 64,
                "f",
                pair_ids=(pair.id,),
                report=report,
            )
        )
    assert run_json("learn", "status")["next"]["seconds"] == {"tune": 20.0}
