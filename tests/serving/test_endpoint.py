"""The endpoint as programs see it: the official client in front, a scripted engine behind."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest
from openai import OpenAI

from assistant.engine.types import AdapterUse, Message
from assistant.errors import ContextFull, ModelError, UsageError
from assistant.serving.guards import MOST_BODY_BYTES
from assistant.serving.server import listen
from assistant.settings import Settings
from tests.doubles import ScriptedEngine
from tests.serving.conftest import KEY, Start

ClientOf = Callable[..., OpenAI]
HI = [{"role": "user", "content": "Hi"}]


def post(url: str, body: bytes | dict[str, Any], **headers: str) -> tuple[int, dict[str, Any]]:
    """A request without the client's help; returns the status and the error document."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)
    sent = {
        "Authorization": f"Bearer {KEY}",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        connection.request("POST", "/v1/chat/completions", raw, sent)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()).get("error", {})
    finally:
        connection.close()


def test_a_completion_with_its_counts(start: Start, client_of: ClientOf) -> None:
    engine = ScriptedEngine(["Hello there."])
    answer = client_of(start(engine)).chat.completions.create(model="assistant", messages=HI)
    assert answer.choices[0].message.content == "Hello there."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "assistant"
    assert answer.system_fingerprint == "scripted-model"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_a_stream_arrives_in_pieces_with_counts_at_the_end(start: Start, client_of: ClientOf) -> None:
    client = client_of(start(ScriptedEngine(["One two three."])))
    chunks = list(
        client.chat.completions.create(
            model="base", messages=HI, stream=True, stream_options={"include_usage": True}
        )
    )
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert [text for text in texts if text] == ["One", " two", " three."]
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens == 3


def test_two_models_are_listed_and_one_is_shown(start: Start, client_of: ClientOf) -> None:
    client = client_of(start(ScriptedEngine()))
    assert [model.id for model in client.models.list()] == ["assistant", "base"]
    assert client.models.retrieve("base").id == "base"
    with pytest.raises(openai.NotFoundError, match="There is no model `gpt-5`"):
        client.models.retrieve("gpt-5")


def test_only_the_assistant_answers_with_what_was_learned(
    start: Start, client_of: ClientOf, tmp_path
) -> None:
    engine = ScriptedEngine()
    used = AdapterUse("v0001", tmp_path / "v0001.gguf")
    client = client_of(start(engine, refresh=lambda: engine.set_adapters([used])))
    fingerprints = [
        client.chat.completions.create(model=name, messages=HI).system_fingerprint
        for name in ("base", "assistant")
    ]
    assert fingerprints == ["scripted-model", "scripted-model+v0001"]


def test_what_a_request_says_goes_before_the_settings(start: Start, client_of: ClientOf) -> None:
    engine = ScriptedEngine()
    client = client_of(start(engine, Settings(temperature=0.4, max_tokens=77, system_prompt="Be kind.")))
    client.chat.completions.create(model="base", messages=HI)
    client.chat.completions.create(
        model="base",
        messages=[{"role": "developer", "content": "Be brief."}, *HI, *HI],
        temperature=0,
        top_p=0.5,
        seed=-1,
        max_completion_tokens=5,
    )
    said, asked = engine.samplings
    assert (said.temperature, said.max_tokens, asked.temperature, asked.top_p) == (0.4, 77, 0.0, 0.5)
    assert (asked.seed, asked.max_tokens) == (-1, 5)
    assert engine.seen[0] == [Message("system", "Be kind."), Message("user", "Hi")]
    assert engine.seen[1] == [Message("system", "Be brief."), Message("user", "Hi\n\nHi")]


@pytest.mark.parametrize("stream", [False, True])
def test_a_stop_text_ends_the_answer_and_is_not_shown(
    start: Start, client_of: ClientOf, stream: bool
) -> None:
    client = client_of(start(ScriptedEngine(["One two three four."])))
    answer = client.chat.completions.create(
        model="base", messages=HI, stop=["o thr", "nothing"], stream=stream
    )
    if isinstance(answer, openai.Stream):
        chunks = list(answer)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        reason = chunks[-1].choices[0].finish_reason
    else:
        text, reason = answer.choices[0].message.content or "", answer.choices[0].finish_reason
    assert (text, reason) == ("One tw", "stop")


@pytest.mark.parametrize("key", ["wrong", "sk-local-tesT"])
def test_without_the_key_there_is_no_answer(start: Start, client_of: ClientOf, key: str) -> None:
    url = start(ScriptedEngine())
    with pytest.raises(openai.AuthenticationError, match="API key is missing or wrong"):
        client_of(url, key).models.list()
    assert post(url, {}, Authorization=f"Basic {KEY}")[0] == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:8462"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "[::1]:80"}, 200),
    ],
)
def test_web_pages_of_elsewhere_are_refused(start: Start, headers: dict[str, str], status: int) -> None:
    url = start(ScriptedEngine())
    assert post(url, {"model": "base", "messages": HI}, **headers)[0] == status


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b"nonsense", 400, None),
        (b"[" * 100_000, 400, None),
        ({"messages": HI}, 400, "model"),
        ({"model": "base", "messages": []}, 400, "messages"),
        ({"model": "base", "messages": [{"role": "user"}]}, 400, "messages.0.content"),
        ({"model": "base", "messages": [{"role": "assistant", "content": "x"}]}, 400, "messages"),
        ({"model": "base", "messages": HI, "temperature": 9}, 400, "temperature"),
        ({"model": "base", "messages": HI, "n": 2}, 400, "n"),
        ({"model": "base", "messages": HI, "tools": [{}]}, 400, "tools"),
        (
            {"model": "base", "messages": HI, "response_format": {"type": "json_object"}},
            400,
            "response_format.type",
        ),
        ({"model": "base", "messages": HI, "stop": [str(n) for n in range(17)]}, 400, "stop"),
        ({"model": "gpt-5", "messages": HI}, 404, "model"),
        (b" " * (MOST_BODY_BYTES + 1), 413, None),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    start: Start, body: bytes | dict[str, Any], status: int, param: str | None
) -> None:
    code, error = post(start(ScriptedEngine()), body)
    assert (code, error["param"]) == (status, param)
    assert error["message"].endswith(".")


def test_an_error_never_repeats_the_text(start: Start) -> None:
    _, error = post(
        start(ScriptedEngine()), {"model": "base", "messages": [{"role": "user", "content": {"s": "secret"}}]}
    )
    assert "secret" not in json.dumps(error)


def test_a_body_without_a_length_is_limited_too(start: Start) -> None:
    place = urlsplit(start(ScriptedEngine()))
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)
    pieces = (b" " * (1 << 20) for _ in range(5))
    headers = {"Authorization": f"Bearer {KEY}"}
    connection.request("POST", "/v1/chat/completions", pieces, headers, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize("stream", [False, True])
def test_a_conversation_that_does_not_fit_is_told(start: Start, client_of: ClientOf, stream: bool) -> None:
    engine = ScriptedEngine(error=ContextFull("The conversation is 9 tokens long; at most 4 fit."))
    with pytest.raises(openai.BadRequestError, match="at most 4 fit") as caught:
        client_of(start(engine)).chat.completions.create(model="base", messages=HI, stream=stream)
    assert caught.value.code == "context_length_exceeded"


def test_a_problem_in_the_middle_of_a_stream_is_told(start: Start, client_of: ClientOf) -> None:
    engine = ScriptedEngine(["One two three."], hold_after=1, error=ModelError("Out of memory."))
    url = start(engine)
    stream = client_of(url).chat.completions.create(model="base", messages=HI, stream=True)
    engine.release.set()
    with pytest.raises(openai.APIError, match="Out of memory"):
        list(stream)


def test_a_client_that_goes_away_stops_the_engine(start: Start, client_of: ClientOf) -> None:
    engine = ScriptedEngine(["One two three.", "Next."], hold_after=1)
    url = start(engine)
    stream = client_of(url).chat.completions.create(model="base", messages=HI, stream=True)
    assert engine.holding.wait(10)
    stream.close()
    # The held answer only ends when it is cancelled; the next one can then be given.
    assert (
        client_of(url).chat.completions.create(model="base", messages=HI).choices[0].message.content
        == "Next."
    )
    assert not engine.release.is_set()


def test_a_client_that_waits_for_the_whole_answer_may_go_away_too(start: Start, client_of: ClientOf) -> None:
    engine = ScriptedEngine(["One two three.", "Next."], hold_after=1)
    url = start(engine)
    impatient = OpenAI(base_url=url, api_key=KEY, max_retries=0, timeout=0.5)
    with pytest.raises(openai.APITimeoutError):
        impatient.chat.completions.create(model="base", messages=HI)
    impatient.close()
    assert (
        client_of(url).chat.completions.create(model="base", messages=HI).choices[0].message.content
        == "Next."
    )


def test_several_clients_are_answered_one_after_the_other(start: Start, client_of: ClientOf) -> None:
    engine = ScriptedEngine(["Yes."], delay_s=0.01)
    client = client_of(start(engine))
    answers: list[str | None] = []

    def ask() -> None:
        answers.append(client.chat.completions.create(model="base", messages=HI).choices[0].message.content)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers == ["Yes."] * 8


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "8.8.8.8", "example.com"])
def test_only_loopback_is_listened_on(host: str) -> None:
    with pytest.raises(UsageError, match="reached from elsewhere"):
        listen(host, 0)


def test_unknown_paths_and_methods_get_documents(start: Start, client_of: ClientOf) -> None:
    client = client_of(start(ScriptedEngine()))
    with pytest.raises(openai.NotFoundError, match="/v1/embeddings"):
        client.embeddings.create(model="base", input="x")
