"""`assistant ask`: one answer to one question, for scripts. Nothing of it is stored."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.cli.options import ModelFile, settings_with
from assistant.cli.output import AsJson, document, line, piece, say
from assistant.errors import Cancelled, UsageError
from assistant.paths import Paths, default_paths

if TYPE_CHECKING:
    from assistant.engine.engine import Engine
    from assistant.engine.types import Message, Reply, Sampling
    from assistant.settings import Settings

STDIN = "-"


def register(app: typer.Typer) -> None:
    app.command("ask")(ask)


def ask(
    prompt: Annotated[str | None, typer.Argument(help="What to ask; - reads it from stdin.")] = None,
    each_line: Annotated[
        bool, typer.Option("--stdin", help="Answer every line of stdin by itself; blank lines are left out.")
    ] = False,
    without_adapters: Annotated[
        bool, typer.Option("--no-adapters", help="Answer as the base model, without what was learned.")
    ] = False,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Start of random choices.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=1, help="The longest answer, in tokens.")
    ] = None,
    temperature: Annotated[
        float, typer.Option("--temperature", min=0, max=2, help="0 always takes the likeliest word.")
    ] = 0.0,
    model: ModelFile = None,
    system: Annotated[
        str | None, typer.Option("--system", help="Say this to the model before the prompt.")
    ] = None,
    persona: Annotated[
        str | None, typer.Option("--persona", metavar="NAME", help="Answer as this persona.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Answer one prompt, or with --stdin one per line; each is a conversation of its own."""
    from assistant.services import open_engine

    if (prompt is None) == (not each_line):
        raise UsageError("Give either a prompt or --stdin.")
    if system is not None and persona is not None:
        raise UsageError("Give either --system or --persona.")
    paths = default_paths()
    if persona is not None:
        system = _prompt_of(paths, persona)
    settings = settings_with(
        paths, model, seed=seed, max_tokens=max_tokens, temperature=temperature, system_prompt=system
    )
    prompts = _lines() if each_line else iter([_whole(prompt or "")])
    with contextlib.closing(open_engine(settings)) as engine:
        engine.load()
        if not without_adapters:
            _use_what_is_in_force(engine, paths)
        for text in prompts:
            _answer(engine, settings, text, as_json=as_json)


def _prompt_of(paths: Paths, persona: str) -> str:
    from assistant.store import Store

    with Store.open(paths, write=False) as store:
        return store.personas.get(persona).prompt


def _use_what_is_in_force(engine: Engine, paths: Paths) -> None:
    """Raises AdapterError when what was learned can't be used; another process may be writing meanwhile."""
    from assistant.models import model_sha256
    from assistant.store import Store
    from assistant.versions import uses_in_force

    with Store.open(paths, write=False) as store:
        # Without a version there is nothing to compare, and no reason to read a large model file.
        if not any(version.state == "active" for version in store.versions.list()):
            return
        uses, foreign = uses_in_force(store, paths, model_sha256(engine.model_path, paths))
    for version_id in foreign:
        say(f"{version_id} was learned on another model and is not used.")
    engine.set_adapters(uses)


def _answer(engine: Engine, settings: Settings, prompt: str, *, as_json: bool) -> None:
    from assistant.interrupts import interrupt_sets

    cancel = threading.Event()
    with interrupt_sets(cancel):
        reply = engine.chat(
            _messages(settings.system_prompt, prompt),
            _sampling(settings),
            on_piece=None if as_json else piece,
            cancel=cancel,
        )
    if not as_json and not reply.text.endswith("\n"):
        line()
    if reply.stopped == "cancelled":
        raise Cancelled("Interrupted.")
    if as_json:
        document(_as_document(prompt, reply))
    sys.stdout.flush()


def _as_document(prompt: str, reply: Reply) -> dict[str, object]:
    return {
        "prompt": prompt,
        "answer": reply.text,
        "adapters": list(reply.adapters),
        "tokens": reply.tokens,
        "tokens_per_s": round(reply.tokens_per_s, 2),
        "time_to_first_token_s": round(reply.time_to_first_token_s, 4),
    }


def _messages(system: str, prompt: str) -> list[Message]:
    from assistant.engine.types import Message, opening

    return [*opening(system), Message("user", prompt)]


def _sampling(settings: Settings) -> Sampling:
    from assistant.engine.types import Sampling

    return Sampling(
        temperature=settings.temperature,
        top_p=settings.top_p,
        repeat_penalty=settings.repeat_penalty,
        seed=settings.seed,
        max_tokens=settings.max_tokens,
    )


def _whole(prompt: str) -> str:
    """The prompt, from stdin where it is `-`. Raises UsageError when there is none."""
    from assistant.store.chats import storable

    with _readable():
        text = sys.stdin.read() if prompt == STDIN else prompt
    if not text.strip():
        raise UsageError("The prompt is empty.")
    return storable(text.strip())


def _lines() -> Iterator[str]:
    from assistant.store.chats import storable

    with _readable():
        for text in sys.stdin:
            if text.strip():
                yield storable(text.strip())


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as problem:
        raise UsageError(f"stdin is not {problem.encoding} text.") from problem
