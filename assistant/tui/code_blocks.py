"""The code blocks of a Markdown text, in order. Knows Markdown only."""

from __future__ import annotations

from markdown_it import MarkdownIt


def code_blocks(text: str) -> list[str]:
    """What stands in fences or indented blocks, without the fences and the last line break."""
    tokens = MarkdownIt().parse(text)
    return [token.content.removesuffix("\n") for token in tokens if token.type in ("fence", "code_block")]
