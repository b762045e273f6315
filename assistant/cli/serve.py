"""`assistant serve`: an OpenAI-compatible endpoint on this machine, for editors, scripts, other programs."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer

from assistant.cli.options import ModelFile, settings_with
from assistant.cli.output import AsJson, document, line, say
from assistant.paths import default_paths


def register(app: typer.Typer) -> None:
    app.command("serve")(serve)


def serve(
    host: Annotated[
        str, typer.Option("--host", help="127.0.0.1, ::1 or localhost; nothing else is served.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8462,
    new_key: Annotated[bool, typer.Option("--new-key", help="Replace the API key by a new one.")] = False,
    model: ModelFile = None,
    as_json: AsJson = False,
) -> None:
    """Serve chat completions to programs on this machine, in OpenAI's API.

    The model `assistant` answers with what was learned, `base` without. The key is made and shown at the
    first start; a file keeps it. Nothing that is asked here is stored or learned from. Ctrl+C ends it.
    """
    from assistant.services import open_engine
    from assistant.serving.answering import Answers
    from assistant.serving.api_key import api_key, key_file
    from assistant.serving.in_force import InForce
    from assistant.serving.server import Server, listen, url_of
    from assistant.serving.server import serve as run

    paths = default_paths()
    settings = settings_with(paths, model)
    listening = listen(host, port)
    with (
        contextlib.closing(listening),
        contextlib.closing(open_engine(settings)) as engine,
    ):
        key, is_new = api_key(paths, fresh=new_key)
        engine.load()
        in_force = InForce(engine, paths, say)
        in_force()

        def ready() -> None:
            url = url_of(listening)
            if as_json:
                document({"url": url, "key_file": key_file(paths), "models": ["assistant", "base"]})
            else:
                line(url)
                say(f"API key: {key}" if is_new else f"API key: in {key_file(paths)}")
                if is_new:
                    say(f"It is shown this once; {key_file(paths)} keeps it.")
                say("Models: assistant (with what was learned), base. Ctrl+C ends.")
            sys.stdout.flush()

        run(Server(Answers(engine, in_force), settings, key), listening, ready=ready)
