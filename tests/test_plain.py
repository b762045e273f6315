"""The line mode: answers on the output, talk on the error stream, no screen library."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.commands import COMMANDS
from assistant.errors import ModelError
from assistant.paths import Paths
from assistant.plain import PlainChat
from assistant.plain_commands import ACTS
from assistant.settings import Settings
from assistant.store import Store
from tests.doubles import ScriptedEngine, ScriptedLearner, ScriptedServices


@pytest.fixture
def services(tmp_path: Path) -> Iterator[ScriptedServices]:
    with Store.open(Paths(tmp_path / "home")) as store:
        yield ScriptedServices(store, ScriptedEngine(["One.", "Two."]), Settings(), ScriptedLearner(store))


def talk(services: ScriptedServices, *lines: str, interactive: bool = True) -> tuple[str, str]:
    """What appears on the output and on the error stream for these lines."""
    out, err = io.StringIO(), io.StringIO()
    PlainChat(services, out=out, err=err, interactive=interactive).run(iter(lines))
    return out.getvalue(), err.getvalue()


def test_a_pipe_gets_just_the_answer(services: ScriptedServices) -> None:
    assert talk(services, "hi\n", interactive=False) == ("One.\n", "")


def test_every_line_is_answered_in_one_saved_chat(services: ScriptedServices) -> None:
    assert talk(services, "hi\n", "\n", "more\n", interactive=False)[0] == "One.\nTwo.\n"
    (chat,) = services.store.chats.list()
    assert (chat.title, chat.turns) == ("hi", 4)


def test_a_terminal_gets_role_words(services: ScriptedServices) -> None:
    out, err = talk(services, "hi")
    assert out == "Assistant: One.\n"
    assert "/help" in err


def test_edit_teaches_and_undo_takes_it_back(services: ScriptedServices) -> None:
    _, err = talk(services, "hi", "/edit Good morning.", "/undo")
    assert "Kept as a correction: 1 pair waits" in err
    assert "Took back the correction" in err
    assert services.store.pairs.list("active") == []


@pytest.mark.parametrize(
    ("command", "told"),
    [("/good", "Kept as a good answer"), ("/bad", "Noted as bad"), ("/skip", "Nothing will be learned")],
)
def test_marks_say_what_happens_with_them(services: ScriptedServices, command: str, told: str) -> None:
    assert told in talk(services, "hi", command)[1]


def test_chats_are_listed_searched_and_continued(services: ScriptedServices) -> None:
    _, err = talk(
        services, "about bread", "/new", "about tea", "/chats", "/search bread", "/chats 1", "go on"
    )
    assert "1  about bread" in err
    assert "chat 1, about bread." in err
    assert "Continuing chat 1: about bread (2 messages)." in err
    assert services.store.chats.get(1).turns == 4


def test_learn_tells_each_stage_and_the_result(services: ScriptedServices) -> None:
    _, err = talk(services, "hi", "/good", "/learn")
    assert "6 wordings for 1 pair" in err
    assert "Learned 1 pair; it is in force now." in err


def test_help_names_every_command_and_quit_ends(services: ScriptedServices) -> None:
    out, err = talk(services, "/help", "/quit", "not answered")
    assert all(command.usage in err for command in COMMANDS.values())
    assert out == ""


@pytest.mark.parametrize("line", ["/edit new", "/undo", "/chats x", "/chats 99", "/search", "/gibberish"])
def test_mistakes_are_told_and_the_chat_goes_on(services: ScriptedServices, line: str) -> None:
    out, err = talk(services, line, "hi")
    assert "Error: " in err
    assert "One." in out


def test_a_pipe_fails_with_the_first_error(services: ScriptedServices) -> None:
    broken = replace(services, engine=ScriptedEngine(error=ModelError("No model.")))
    with pytest.raises(ModelError):
        talk(broken, "hi", interactive=False)


def test_without_remembering_nothing_is_saved(services: ScriptedServices) -> None:
    talk(replace(services, settings=Settings(remember_chats=False)), "hi", interactive=False)
    assert services.store.chats.list() == []


def test_the_screen_library_is_never_imported() -> None:
    code = "import sys, assistant.plain; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent).returncode == 0


def test_every_command_of_the_table_is_obeyed() -> None:
    assert list(ACTS) == list(COMMANDS)


def test_answers_have_versions(services: ScriptedServices) -> None:
    out, err = talk(services, "hi", "/again", "/version before", "/version after", "/version after")
    assert out == "Assistant: One.\nAssistant: Two.\n"
    assert "Version 1 of 2: One." in err
    assert "Version 2 of 2: Two." in err
    assert "no further version" in err


def test_a_message_is_sent_again_in_other_words(services: ScriptedServices) -> None:
    talk(services, "hi", "/resend hello")
    (chat,) = services.store.chats.list()
    assert [turn.content for turn in services.store.chats.turns(chat.id)] == ["hello", "Two."]


def test_an_answer_goes_on(services: ScriptedServices) -> None:
    talk(services, "hi", "/continue")
    (chat,) = services.store.chats.list()
    assert services.store.chats.turns(chat.id)[-1].content == "One.Two."


def test_a_chat_gets_a_title_a_pin_tags_and_a_fork(services: ScriptedServices) -> None:
    _, err = talk(services, "hi", "/rename Greetings", "/pin", "/tag Home work", "/chats", "/fork", "/chats")
    assert "1  Greetings  (pinned, 2 messages, " in err
    assert "#home #work" in err
    assert "2  Greetings (fork)  (2 messages" in err


def test_what_the_model_is_told_before_a_chat(services: ScriptedServices) -> None:
    _, err = talk(
        services, "/system Be brief.", "hi", "/system", "/persona Pirate Say arr.", "hi", "/persona"
    )
    assert [messages[0].content for messages in services.engine.seen] == ["Be brief.", "Say arr."]
    assert "Now: Pirate." in err


def test_a_private_chat_is_kept_nowhere(services: ScriptedServices) -> None:
    out, err = talk(services, "/private", "hi", "/good", "/new", "/private", "/again")
    assert out == "Assistant: One.\nAssistant: Two.\n"
    assert "never stored" in err
    assert services.store.chats.list() == []


def test_the_last_message_is_deleted_after_a_second_word(services: ScriptedServices) -> None:
    _, err = talk(services, "hi", "/delete", "/delete yes")
    assert "/delete yes does it" in err
    (chat,) = services.store.chats.list()
    assert [turn.role for turn in services.store.chats.turns(chat.id)] == ["user"]


def test_an_answer_is_saved_to_a_new_file_only(services: ScriptedServices, tmp_path: Path) -> None:
    file = tmp_path / "answer.md"
    _, err = talk(services, "hi", f"/save {file}", f"/save {file}")
    assert file.read_text() == "One.\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "exists already" in err


def test_a_full_context_is_told_once(services: ScriptedServices) -> None:
    services.engine.dropped = 2
    _, err = talk(services, "hi", "more")
    assert err.count("the context is full: the model did not see the 2 oldest messages") == 1


def test_a_path_is_no_command(services: ScriptedServices) -> None:
    out, _ = talk(services, "/usr/bin is what?")
    assert out == "Assistant: One.\n"
