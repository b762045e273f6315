"""Previews and receipts of forgetting in words, for the screen and the command line. Knows numbers only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant.store.forgetting import Preview

OUTSIDE = "Copies outside this folder, such as exports and backups you made, are out of reach."


def preview_rows(preview: Preview) -> list[tuple[str, str]]:
    """What depends on the choice, as (name, value); what there is none of is left out."""
    rows = [
        ("messages", _counted((preview.turns, "message"), (preview.marks, "mark"))),
        ("chats", _counted((preview.chats, "whole chat"), (preview.titles, "chat title"))),
        (
            "pairs",
            _counted(
                (preview.pairs, "pair"),
                (preview.wordings, "wording"),
                (preview.rejects, "rejected wording"),
            ),
        ),
        (
            "selection",
            _counted(
                (preview.buffer, "kept exchange"),
                (preview.decisions, "decision"),
                (preview.vectors, "vector"),
            ),
        ),
        ("asked", _counted((preview.questions, "question"))),
        ("versions", ", ".join(map(str, preview.versions))),
        ("in force", _in_force(preview)),
        ("rounds", _counted((preview.rounds, "federated round"))),
        ("files", ", ".join(preview.files)),
        ("yours", ", ".join(preview.kept_files) and f"{', '.join(preview.kept_files)} hold it and stay"),
    ]
    if preview.unsure:
        sentence = f"{', '.join(preview.unsure)} learned pairs that were deleted since, so may know it"
        rows.insert(6, ("unsure", sentence))
    return [(name, value) for name, value in rows if value] or [("nothing", "depends on this")]


def receipt_sentences(receipt: Mapping[str, Any]) -> list[str]:
    """What was done, in sentences without the forgotten text."""
    gone = _counted(
        (receipt.get("turns", 0), "message"),
        (receipt.get("pairs", 0), "pair"),
        (len(receipt.get("versions", ())), "version"),
        (len(receipt.get("files", ())), "file"),
    )
    found = [f"Gone: {gone or 'a title'}, with all that depended on it.", _answers_now(receipt)]
    recall = receipt.get("recall")
    if recall and None not in (recall["loss_before"], recall["loss_after"]):
        found.append(
            f"Loss of the forgotten answers: {recall['loss_before']:.2f} → {recall['loss_after']:.2f};"
            f" a model that never saw them has {recall['loss_of_base_model']:.2f}."
        )
    found += [f"Check: {reason}" for reason in receipt.get("checks", ())]
    still, rows = receipt.get("still_found_in", ()), receipt.get("rows_still_holding_it", {})
    if still or rows:
        found.append(f"Still found in {', '.join([*still, *rows])}; look there yourself.")
    elif "files_searched" in receipt:
        found.append(f"Searched {receipt['files_searched']} files: no trace left.")
    found += [f"Problem: {problem}" for problem in receipt.get("problems", ())]
    return [sentence for sentence in (*found, OUTSIDE) if sentence]


def _answers_now(receipt: Mapping[str, Any]) -> str:
    version, draft = receipt.get("version"), receipt.get("draft")
    sentence = {
        "relearned": f"What is left was learned anew from the base model: {version} answers now.",
        "fell back": f"{version} answers now; it never saw any of it.",
        "base model": "The base model answers now.",
        "unchanged": "No version in force had learned from it.",
    }.get(str(receipt.get("outcome")), "")
    return f"{sentence} {draft} was learned anew, but stays a draft." if draft else sentence


def _in_force(preview: Preview) -> str:
    parts = []
    for version in preview.in_force:
        clean = next((each for each in preview.instead.values() if each), None)
        instead = f"{clean} takes over" if clean else "the base model takes over"
        parts.append(f"{version} answers now; {instead} until what is left is learned anew")
    return "; ".join(parts)


def _counted(*counts: tuple[int, str]) -> str:
    return ", ".join(f"{number} {name}{'' if number == 1 else 's'}" for number, name in counts if number)
