"""A stand-in of the hub on loopback: it tells sizes and hashes, serves ranges, and can fail on request."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

COMMIT = "c" * 40
MODEL = b"GGUF" + bytes(range(256)) * 400


class Hub:
    """`files` maps "owner/repository/file" to its bytes; `lie` makes the hash told a wrong one."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.files = {"someone/tiny/tiny.gguf": MODEL}
        self.ranges: list[str | None] = []
        self.tokens: list[str | None] = []
        self.lie = False
        self.cut_after: int | None = None
        self.status: int | None = None


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def _content(self) -> bytes | None:
            owner, repository, _, _, file = self.path.strip("/").split("/", 4)
            return state.files.get(f"{owner}/{repository}/{file}")

        def _begin(self) -> bytes | None:
            state.tokens.append(self.headers.get("authorization"))
            content = self._content()
            if content is None or state.status:
                self.send_response(state.status or 404)
                if content is None:
                    self.send_header("X-Error-Code", "EntryNotFound")
                elif state.status == 403:
                    self.send_header("X-Error-Code", "GatedRepo")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return None
            return content

        def _headers(self, content: bytes, status: int, start: int) -> None:
            sha256 = hashlib.sha256(content).hexdigest()
            self.send_response(status)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{"0" * 64 if state.lie else sha256}"')
            self.send_header("Content-Length", str(len(content) - start))
            self.send_header("Accept-Ranges", "bytes")
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()

        def do_HEAD(self) -> None:
            if (content := self._begin()) is not None:
                self._headers(content, 200, 0)

        def do_GET(self) -> None:
            if (content := self._begin()) is None:
                return
            asked = self.headers.get("Range")
            state.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
            self._headers(content, 206 if asked else 200, start)
            if state.cut_after is not None:
                self.wfile.write(content[start : start + state.cut_after])
                self.close_connection = True
                return
            self.wfile.write(content[start:])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Hub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setattr(constants, "ENDPOINT", state.url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", state.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr("assistant.library.hub._BLOCK", 4096)
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / "tiny.gguf"
