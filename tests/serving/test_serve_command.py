"""`assistant serve` as a process of its own, with the model that is installed along."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from openai import OpenAI

ASK = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.mark.timeout(120)
def test_the_official_client_talks_to_the_installed_model(home: Path) -> None:
    command = [sys.executable, "-m", "assistant", "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None and server.stderr is not None
        try:
            place = json.loads(server.stdout.readline())
            key = Path(place["key_file"]).read_text().strip()
            with OpenAI(base_url=place["url"], api_key=key, max_retries=0) as client:
                whole = client.chat.completions.create(
                    model="assistant", messages=ASK, temperature=0, max_tokens=12
                )
                stream = client.chat.completions.create(
                    model="assistant", messages=ASK, temperature=0, max_tokens=12, stream=True
                )
                pieces = [chunk.choices[0].delta.content or "" for chunk in stream]
                cut = client.chat.completions.create(
                    model="base", messages=ASK, temperature=0, max_tokens=12, stop="Paris"
                )
                # An endless answer is under way when the server is asked to end.
                endless = client.chat.completions.create(
                    model="base", messages=ASK, max_tokens=4000, stream=True, temperature=2
                )
                next(iter(endless))
                server.send_signal(signal.SIGTERM)
                list(endless)
        finally:
            server.send_signal(signal.SIGINT)
        assert (server.wait(30), server.stderr.read()) == (0, "")
    text = whole.choices[0].message.content or ""
    assert "Paris" in text
    assert "".join(pieces) == text
    assert whole.usage is not None and whole.usage.completion_tokens <= 12
    assert (cut.choices[0].finish_reason, "Paris" in (cut.choices[0].message.content or "")) == (
        "stop",
        False,
    )


def test_a_host_beyond_loopback_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from assistant.cli.app import main

    assert main(["serve", "--host", "0.0.0.0"]) == 2
    assert "serves this machine only" in capsys.readouterr().err
    assert not home.exists()


def test_a_taken_port_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    from assistant.cli.app import main
    from assistant.serving.server import listen

    with listen("127.0.0.1", 0) as taken:
        assert main(["serve", "--port", str(taken.getsockname()[1])]) == 1
    assert "--port" in capsys.readouterr().err
