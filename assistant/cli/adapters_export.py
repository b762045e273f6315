"""`assistant adapters export`: a version for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assistant.cli.options import ModelFile, settings_with
from assistant.cli.output import AsJson, document, line, say
from assistant.paths import default_paths


def export(
    version_id: Annotated[
        str, typer.Argument(metavar="VERSION", help="Such as v0001, as in `adapters list`.")
    ],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to; made if it is missing.")],
    form: Annotated[
        str,
        typer.Option(
            "--format", metavar="peft|gguf", help="For PEFT and transformers, or the file llama.cpp loads."
        ),
    ] = "peft",
    model: ModelFile = None,
    as_json: AsJson = False,
) -> None:
    """Write a version for other programs, as it was trained. It may hold what you taught: mind the place."""
    from assistant.exporting import export_version
    from assistant.models import chosen_model
    from assistant.store import Store

    paths = default_paths()
    settings = settings_with(paths, model)
    with Store.open(paths, write=False) as store:
        version = store.versions.get(version_id)
    files = export_version(version, form, folder, chosen_model(settings.model), paths)
    if as_json:
        document({"version": version.id, "format": form, "files": files})
        return
    for file in files:
        line(str(file))
    if form == "peft":
        say("Load it with `peft.PeftModel.from_pretrained` onto the same model in transformers' format.")
