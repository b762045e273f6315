"""A chat that is never written to disk: its turns, their versions and the path through them, in memory.

Does for an unsaved chat what `store.branches` does for a saved one, by the same rules.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from assistant.errors import UsageError
from assistant.store.records import Turn


@dataclass(slots=True)
class _Node:
    turn: Turn
    chosen: bool = True


class UnsavedTurns:
    """Numbers are negative, so that none is taken for a turn of the store."""

    def __init__(self) -> None:
        self._nodes: dict[int, _Node] = {}
        self._made = 0

    def next_id(self) -> int:
        """The number that the next turn is to have; each is given once."""
        self._made += 1
        return -self._made

    def path(self) -> list[Turn]:
        """What is shown, in order."""
        shown: list[Turn] = []
        at: int | None = None
        while (following := self._chosen_after(at)) is not None:
            shown.append(following.turn)
            at = following.turn.id
        return shown

    def add(self, turn: Turn) -> Turn:
        """Append a turn where the path ends."""
        path = self.path()
        placed = replace(turn, parent=path[-1].id if path else None)
        self._nodes[turn.id] = _Node(placed)
        return placed

    def change(self, turn: Turn) -> None:
        """Replace a turn by one with the same number."""
        self._nodes[turn.id].turn = turn

    def get(self, turn_id: int) -> Turn:
        if turn_id not in self._nodes:
            raise UsageError(f"There is no turn {turn_id}.")
        return self._nodes[turn_id].turn

    def cut(self, after: int | None) -> None:
        for node in self._children(after):
            node.chosen = False

    def choose(self, turn_id: int) -> None:
        at: int | None = turn_id
        while at is not None:
            parent = self.get(at).parent
            for node in self._children(parent):
                node.chosen = node.turn.id == at
            at = parent
        self.mend()

    def mend(self) -> None:
        """Let the path go on with the newest turn wherever it was cut and nothing came."""
        for parent in {node.turn.parent for node in self._nodes.values()}:
            children = self._children(parent)
            if not any(node.chosen for node in children):
                children[-1].chosen = True

    def answers_to(self, turn_id: int) -> int:
        return sum(node.turn.reply_to == turn_id for node in self._nodes.values())

    def versions(self) -> dict[int, tuple[int, ...]]:
        found = {}
        for turn in self.path():
            siblings = tuple(node.turn.id for node in self._children(turn.parent))
            if len(siblings) > 1:
                found[turn.id] = siblings
        return found

    def going_with(self, turn_id: int) -> list[int]:
        turn = self.get(turn_id)
        going = [turn_id]
        if len(self._children(turn.parent)) > 1:
            for each in going:  # grows while it is walked
                going.extend(node.turn.id for node in self._children(each))
        else:
            going.extend(node.turn.id for node in self._children(turn_id) if node.turn.reply_to == turn_id)
        return going

    def delete(self, turn_ids: Collection[int]) -> None:
        for turn_id in turn_ids:
            gone = self._nodes.pop(turn_id)
            for node in self._children(turn_id):
                node.turn = replace(node.turn, parent=gone.turn.parent)
                node.chosen = node.chosen and gone.chosen
        self.mend()

    def _children(self, turn_id: int | None) -> list[_Node]:
        # A copy, because the screen may read while an answer is added by its thread.
        nodes = list(self._nodes.values())
        return [node for node in nodes if node.turn.parent == turn_id]

    def _chosen_after(self, turn_id: int | None) -> _Node | None:
        return next((node for node in self._children(turn_id) if node.chosen), None)
