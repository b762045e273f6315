"""Every setting with its default, bounds and a sentence; the TOML template is made from the same schema.

Order: flags, then environment (`ASSISTANT_<FIELD>`), then settings.toml, then defaults.
"""

from __future__ import annotations

import difflib
import json
import textwrap
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as SourceError

from assistant.errors import SettingsError
from assistant.keys import ACTIONS, default_keys, effective_keys
from assistant.paths import Paths

ENV_PREFIX = "ASSISTANT_"
_LINE = 100


class Settings(BaseSettings):
    """What the owner can choose. Frozen: a change is written to the file and loaded again."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    model: str = Field(
        "", description="Path of a GGUF file; empty uses the small model that is installed along."
    )
    context_tokens: int = Field(
        4096, ge=256, le=131_072, description="Tokens the model sees at once; more takes more memory."
    )
    threads: int = Field(0, ge=0, le=512, description="Processor threads for the model; 0 chooses by itself.")
    gpu_layers: int = Field(
        -1,
        ge=-1,
        le=10_000,
        description="Model layers computed on a GPU, if there is one; -1 is all of them.",
    )
    system_prompt: str = Field(
        "You are a helpful assistant.",
        max_length=20_000,
        description="What the model is told before every chat.",
    )
    temperature: float = Field(
        0.3, ge=0, le=2, description="How much chance is in an answer; 0 always takes the likeliest word."
    )
    top_p: float = Field(
        0.95,
        gt=0,
        le=1,
        description="Words are drawn from the likeliest that together have this probability.",
    )
    repeat_penalty: float = Field(
        1.1, ge=1, le=2, description="How strongly words that were just used are avoided; 1 is not at all."
    )
    max_tokens: int = Field(512, ge=1, le=131_072, description="The longest answer, in tokens.")
    remember_chats: bool = Field(True, description="Keep chats on this machine.")
    learn: bool = Field(
        True,
        description=(
            "Allow learning on this machine. It happens only after corrections you make, "
            "when you ask for it (`assistant learn now`)."
        ),
    )
    learn_from_own_replies: bool = Field(
        False,
        description=(
            "Also learn, at a quarter of the weight, the assistant's own replies that were kept and that you "
            "did not complain about. They teach it nothing new, only to stay as it is."
        ),
    )
    questions_per_session: int = Field(
        1,
        ge=0,
        le=100,
        description="How often you may be asked about an answer each time the program runs; 0 is never.",
    )
    questions_per_day: int = Field(
        3, ge=0, le=1000, description="How often you may be asked about an answer in a day; 0 is never."
    )
    question_pause_s: int = Field(
        20,
        ge=0,
        le=86_400,
        description="Seconds without typing, after a finished answer, before you may be asked.",
    )
    share: bool = Field(
        False,
        description=(
            "Allow taking part in a federation that you joined. Nothing is ever sent while this is off, and "
            "only what you agreed to while it is on (`assistant federation consent`)."
        ),
    )
    buffer_size: int = Field(
        128, ge=1, le=100_000, description="How many chosen turns are kept at hand for learning."
    )
    selection_policy: Literal["dac24", "eoe", "dss", "idd", "random", "fifo", "k-center", "diverse"] = Field(
        "dac24", description="Which turns are kept when all places are taken; see docs/selection.md."
    )
    embedding_model: str = Field(
        "",
        description="Folder of a sentence-transformers model; empty uses the MiniLM that is installed along.",
    )
    wordings: int = Field(
        6, ge=0, le=64, description="How many other wordings of a question are made before it is learned."
    )
    tuning_method: Literal["layer-chain", "zeroth-order"] = Field(
        "layer-chain", description="How corrections are learned."
    )
    tune_when: Literal["by-hand", "after-pairs", "idle"] = Field(
        "by-hand",
        description="When what waits is learned while the chat is open; never during a reply.",
    )
    tune_after_pairs: int = Field(
        10, ge=1, le=10_000, description="How many new pairs start tuning, with `tune_when` after-pairs."
    )
    tune_idle_minutes: int = Field(
        10, ge=1, le=1440, description="Minutes without typing that start tuning, with `tune_when` idle."
    )
    tune_on_battery: bool = Field(False, description="Let tuning start by itself on battery power, too.")
    theme: str = Field(
        "textual-dark", min_length=1, description="Colours of the screen; Ctrl+P, Theme lists them."
    )
    seed: int = Field(
        0, ge=0, le=2**63 - 1, description="Start of every random choice, so that runs can repeat."
    )
    keys: dict[str, str] = Field(
        default_factory=default_keys,
        description=(
            "Other keys for the screen: an action and its keys, separated by commas. Keys are named like f7, "
            "enter, pageup, ctrl+t, alt+left, a or +; F1 in the chat shows the ones in force."
        ),
    )

    @field_validator("keys", mode="before")
    @classmethod
    def _effective_keys(cls, chosen: object) -> dict[str, str]:
        return effective_keys(chosen)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # Only these two here; `load_settings` puts the owner's file below them.
        return init_settings, env_settings


def load_settings(paths: Paths, flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings in force; `flags` are what the command line said (None values are left out).

    Raises:
        SettingsError: the file cannot be read or parsed, a setting is unknown or a value out of bounds.
    """
    _reject_unknown(paths.settings, _read(paths.settings))

    class FileSettings(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            file_settings = TomlConfigSettingsSource(settings_cls, paths.settings)
            return init_settings, env_settings, file_settings

    given = {name: value for name, value in (flags or {}).items() if value is not None}
    try:
        return FileSettings(**given)
    except ValidationError as problem:
        raise SettingsError(_explain(problem, paths)) from problem
    except SourceError as problem:
        raise SettingsError(
            f"{ENV_PREFIX}KEYS is not JSON.", hint='It looks like {"chat.new": "ctrl+t"}.'
        ) from problem


def template() -> str:
    """A settings.toml in which every setting is described and commented out at its default."""
    parts = ["# Settings of the assistant. Remove the # in front of a line to change it.\n"]
    for name, field in Settings.model_fields.items():
        is_table = name == "keys"
        sentence = field.description if is_table else f"{field.description} {_bounds(field)}"
        parts += [f"# {line}" for line in textwrap.wrap((sentence or "").strip(), _LINE - 2)]
        parts += _keys_table() if is_table else [f"#{name} = {_toml(field.default)}\n"]
    return "\n".join(parts)


def _keys_table() -> list[str]:
    # Dotted names need no [keys] above them, which one could forget to uncomment.
    lines = (f"#keys.{action.name} = {_toml(action.keys)}  # {action.does}" for action in ACTIONS.values())
    return [*lines, ""]


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as problem:
        raise SettingsError(f"{file} is not valid TOML: {problem}.") from problem
    except UnicodeDecodeError as problem:
        raise SettingsError(f"{file} is not UTF-8 text.") from problem
    except OSError as problem:
        raise SettingsError(f"{file} cannot be read: {problem.strerror}.") from problem


def _reject_unknown(file: Path, values: Mapping[str, Any]) -> None:
    for key in values:
        if key in Settings.model_fields:
            continue
        near = difflib.get_close_matches(key.casefold().replace("-", "_"), Settings.model_fields, n=1)
        raise SettingsError(
            f"{file} has an unknown setting `{key}`.",
            hint=f"Did you mean `{near[0]}`?" if near else "`assistant data settings` prints every setting.",
        )


def _explain(problem: ValidationError, paths: Paths) -> str:
    """One sentence about the first value that is wrong, without the value itself."""
    first = problem.errors(include_url=False, include_context=False, include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    reason = first["msg"].removeprefix("Input should be ")
    places = f"in {paths.settings}, {ENV_PREFIX}{name.upper()} or an option"
    return f"The setting `{name}` should be {reason} ({places})."


def _bounds(field: FieldInfo) -> str:
    """The allowed values in words, from the same constraints that are checked."""
    choices = getattr(field.annotation, "__args__", None)
    if choices:
        return f"One of {', '.join(json.dumps(choice) for choice in choices)}."
    limits = {
        kind: getattr(constraint, kind)
        for constraint in field.metadata
        for kind in ("ge", "gt", "le", "lt")
        if getattr(constraint, kind, None) is not None
    }
    low, high = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
    if low is None or high is None:
        return ""
    return f"{'Above ' if 'gt' in limits else ''}{low} to {high}."


def _toml(value: Any) -> str:
    # JSON's strings, numbers and booleans are also TOML's.
    return json.dumps(value, ensure_ascii=False)
