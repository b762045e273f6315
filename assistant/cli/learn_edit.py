"""`assistant learn edit`: change a pair before it is learned."""

from __future__ import annotations

from typing import Annotated

import typer

from assistant.cli.output import AsJson, document, say
from assistant.errors import UsageError
from assistant.paths import default_paths


def register(group: typer.Typer) -> None:
    group.command()(edit)


def edit(
    pair_id: Annotated[int, typer.Argument(metavar="PAIR", help="Number of the pair, as in `learn pairs`.")],
    question: Annotated[str | None, typer.Option("--question", "-q", help="What will be asked.")] = None,
    answer: Annotated[str | None, typer.Option("--answer", "-a", help="What should be answered.")] = None,
    as_json: AsJson = False,
) -> None:
    """Put other words in place of a pair; the former pair is kept, but not learned."""
    from assistant.contradictions import watch
    from assistant.pair_edits import edit_pair
    from assistant.settings import load_settings
    from assistant.store import Store

    if question is None and answer is None:
        raise UsageError("Give --question, --answer or both.")
    paths = default_paths()
    with Store.open(paths) as store:
        watch(store, load_settings(paths))
        former = store.pairs.get(pair_id)
        pair = edit_pair(
            store,
            pair_id,
            former.question if question is None else question,
            former.answer if answer is None else answer,
        )
    if as_json:
        document(pair)
    elif pair.id == pair_id:
        say("These are its words already.")
    else:
        say(f"Pair {pair.id} takes the place of pair {pair_id}; `assistant learn now` learns it.")
