"""Which model file is used, and what is refused before llama.cpp sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import ModelError
from assistant.models import check_gguf, chosen_model


def test_without_a_choice_the_model_installed_along_is_used() -> None:
    path = chosen_model("")
    assert path.suffix == ".gguf"
    check_gguf(path)


def test_a_chosen_file_may_be_named_from_the_owners_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "my.gguf").write_bytes(b"GGUF")
    assert chosen_model("~/my.gguf") == tmp_path / "my.gguf"


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "does not exist"), (b"", "not a GGUF"), (b"PK\x03\x04", "not a GGUF")]
)
def test_what_is_no_model_is_named_with_the_reason(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=reason) as caught:
        check_gguf(path)
    assert str(path) in caught.value.message


@pytest.mark.parametrize("use", [check_gguf, chosen_model])
def test_a_file_that_cannot_be_looked_at_is_a_model_error(tmp_path: Path, use) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        use(tmp_path / ("x" * 300))
