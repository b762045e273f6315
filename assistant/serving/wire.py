"""The shapes on the wire: what a chat completion request may say, and how answers and errors look.

The shapes are those of OpenAI's Chat Completions API (https://platform.openai.com/docs/api-reference/chat).
What would change an answer and is not there is refused by name; what changes nothing is passed over.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.engine.types import Message, Reply, Sampling, opening
from assistant.settings import Settings

BASE, LEARNED = "base", "assistant"
MODELS = (LEARNED, BASE)
MOST_STOPS = 16

FINISH = {"end": "stop", "length": "length", "cancelled": "stop"}


class Refusal(Exception):
    """A request that gets an error document instead of an answer."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.document = {"error": {"message": message, "type": kind, "param": param, "code": code}}


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)
    type: Literal["text"]
    text: str


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Part]

    def text(self) -> str:
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content)


class _StreamOptions(BaseModel):
    model_config = ConfigDict(extra="ignore")
    include_usage: bool = False


class _Format(BaseModel):
    model_config = ConfigDict(extra="ignore")
    type: Literal["text"] = "text"


class _Body(BaseModel):
    """The fields that are understood; each `Literal` field takes only the value that changes nothing."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)
    model: str
    messages: list[_Message] = Field(min_length=1)
    stream: bool = False
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = None
    stop: str | list[str] | None = None
    user: str | None = None
    n: Literal[1] | None = None
    logprobs: Literal[False] | None = None
    response_format: _Format | None = None
    tools: list[Any] | None = Field(None, max_length=0)
    functions: list[Any] | None = Field(None, max_length=0)
    frequency_penalty: Literal[0] | None = None
    presence_penalty: Literal[0] | None = None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request that was understood. `lane` tells who asks, as far as they said (`user`)."""

    model: str
    messages: tuple[Message, ...]
    sampling: Sampling
    stops: tuple[str, ...]
    stream: bool
    include_usage: bool
    lane: str

    @property
    def learned(self) -> bool:
        return self.model == LEARNED


def parse_request(raw: bytes, settings: Settings) -> ChatRequest:
    """Understand the body of a request; what it does not say is taken from the settings. Raises Refusal."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as problem:
        raise Refusal(400, "The body is not JSON.") from problem
    try:
        body = _Body.model_validate(document)
    except ValidationError as problem:
        raise _refusal(problem) from problem
    if body.model not in MODELS:
        raise unknown_model(body.model)
    stops = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    if len(stops) > MOST_STOPS:
        raise Refusal(400, f"At most {MOST_STOPS} stop texts are taken.", param="stop")
    return ChatRequest(
        model=body.model,
        messages=tuple(_conversation(body.messages, settings.system_prompt)),
        sampling=Sampling(
            temperature=settings.temperature if body.temperature is None else body.temperature,
            top_p=settings.top_p if body.top_p is None else body.top_p,
            repeat_penalty=settings.repeat_penalty,
            seed=settings.seed if body.seed is None else body.seed,
            max_tokens=body.max_completion_tokens or body.max_tokens or settings.max_tokens,
        ),
        stops=tuple(stop for stop in stops if stop),
        stream=body.stream,
        include_usage=body.stream_options is not None and body.stream_options.include_usage,
        lane=body.user or "",
    )


def unknown_model(name: str) -> Refusal:
    known = " and ".join(f"`{model}`" for model in MODELS)
    return Refusal(
        404, f"There is no model `{name}`; there are {known}.", param="model", code="model_not_found"
    )


def _refusal(problem: ValidationError) -> Refusal:
    """The first thing that is wrong, without the value itself, which may be a private text."""
    first = problem.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or part[0].islower())
    reason = first["msg"].removeprefix("Input should be ")
    if first["type"] == "missing":
        return Refusal(400, f"`{place}` is missing.", param=place)
    return Refusal(400, f"`{place}` should be {reason}; nothing else is supported.", param=place or None)


def _conversation(messages: list[_Message], system_prompt: str) -> list[Message]:
    """The messages as the engine takes them.

    Without a system message the owner's own goes first, because what was learned was learned under it.
    Neighbours of one role are joined, because many chat templates insist on alternation.
    """
    rows = [Message("system" if row.role == "developer" else row.role, row.text()) for row in messages]
    if rows[0].role != "system":
        rows = [*opening(system_prompt), *rows]
    joined: list[Message] = []
    for row in rows:
        if joined and joined[-1].role == row.role:
            joined[-1] = Message(row.role, f"{joined[-1].content}\n\n{row.content}")
        else:
            joined.append(row)
    if joined[-1].role != "user":
        raise Refusal(400, "The last message must be the user's.", param="messages")
    return joined


def usage(reply: Reply) -> dict[str, int]:
    return {
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.tokens,
        "total_tokens": reply.prompt_tokens + reply.tokens,
    }


def completion(head: dict[str, Any], text: str, reply: Reply) -> dict[str, Any]:
    """The whole answer as one document."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "refusal": None},
        "logprobs": None,
        "finish_reason": FINISH[reply.stopped],
    }
    return {**head, "object": "chat.completion", "choices": [choice], "usage": usage(reply)}


def chunk(head: dict[str, Any], delta: dict[str, str], finish: str | None = None) -> dict[str, Any]:
    """One piece of a streamed answer."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {**head, "object": "chat.completion.chunk", "choices": [choice]}


def event(document: dict[str, Any]) -> bytes:
    """A document as a server-sent event."""
    return b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def model_list(created: int) -> dict[str, Any]:
    return {"object": "list", "data": [model_card(name, created) for name in MODELS]}


def model_card(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "local"}


def head(number: str, request: ChatRequest, fingerprint: str) -> dict[str, Any]:
    """What every document of one answer begins with."""
    return {
        "id": f"chatcmpl-{number}",
        "created": int(time.time()),
        "model": request.model,
        "system_fingerprint": fingerprint,
    }
