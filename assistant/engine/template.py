"""Chat messages to tokens, by the chat template that the GGUF itself carries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from assistant.engine.handles import ModelHandle
from assistant.engine.types import Message, TokenisedPair
from assistant.errors import ModelError

# For models without a template of their own; the most common plain form.
_CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


class ChatTemplate:
    """Renders and tokenises conversations for one model."""

    def __init__(self, model: ModelHandle) -> None:
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        self._model = model
        template = model.chat_template() or _CHATML
        begin, end = model.special_text(model.begin_token), model.special_text(model.end_token)
        self._formatter = Jinja2ChatFormatter(template=template, eos_token=end, bos_token=begin)
        self.end_of_turn = self._find_end_of_turn(
            Jinja2ChatFormatter(
                template=template, eos_token=end, bos_token=begin, add_generation_prompt=False
            )
        )

    def _find_end_of_turn(self, formatter: Callable[..., Any]) -> int:
        """The token that closes an answer under this template.

        Asked of the template itself: the vocabulary's own end-of-turn entry is wrong in common files
        (SmolLM2's names <|endoftext|>, while its template closes turns with <|im_end|>).
        """
        rows = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
        try:
            tokens = self._model.tokenise(formatter(messages=rows).prompt, special=True)
        except Exception:  # the template is a program from the model file and may raise anything
            return self._model.end_token
        ends = [token for token in tokens if self._model.is_end(token)]
        return ends[-1] if ends else self._model.end_token

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of the conversation up to where the assistant's answer begins. Raises ModelError."""
        rows: Any = [{"role": message.role, "content": message.content} for message in messages]
        try:
            text = self._formatter(messages=rows).prompt
        except Exception as error:  # the template is a program from the model file and may raise anything
            raise ModelError(f"The model's chat template rejects this conversation: {error}") from error
        return self._model.tokenise(text, special=True)

    def pair(self, messages: Sequence[Message], answer: str) -> TokenisedPair:
        """A prompt with the answer that should follow it, closed by the end-of-turn token."""
        tokens = self._model.tokenise(answer.strip(), special=False)
        return TokenisedPair(tuple(self.prompt(messages)), (*tokens, self.end_of_turn))
