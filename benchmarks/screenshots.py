"""Makes the pictures of the screen in docs/screenshots anew, from a scripted home.

python -m benchmarks.screenshots [--folder docs/screenshots]
"""

from __future__ import annotations

import argparse
import asyncio
import re
import tempfile
from pathlib import Path

from textual.pilot import Pilot

from assistant.marks import apply_mark
from assistant.paths import Paths
from assistant.settings import Settings
from assistant.store import Store, Version
from assistant.tui.app import AssistantApp
from tests.doubles import ScriptedEngine, ScriptedLearner, ScriptedServices

ROOT = Path(__file__).resolve().parent.parent
SIZE = (110, 32)
MOMENT = "2026-05-04T09:30:00.000000+00:00"
ANSWERS = (
    "I don't know that yet. If you tell me, I can learn it.",
    "Your dog is called Biscuit.",
    "Here is a small script:\n\n```python\nfrom datetime import date\n\n"
    "print(date.today().isoformat())\n```\n\n"
    "* It needs **nothing** but Python.\n* Save it as `today.py` and run it.",
    "One line is enough:\n\n```sh\ndate +%F\n```",
)
LEARNED = (
    ("Which team do I play for?", "You play for the Harbour Owls.", "edit"),
    ("When is my sister's birthday?", "Your sister's birthday is on 3 June.", "statement"),
    ("What tea do I drink in the morning?", "You drink smoked black tea.", "good"),
)


def fill(store: Store) -> None:
    """Earlier chats and two versions that learned from them."""
    for title, tags in (("Tea for the morning", ("home",)), ("Match on Sunday", ()), ("A gift for June", ())):
        chat = store.chats.create(title)
        store.chats.set_tags(chat.id, tags)
        turn = store.chats.add_turn(chat.id, "user", title)
        store.chats.add_turn(chat.id, "assistant", "Noted.", reply_to=turn.id)
    store.chats.set_pinned(1, True)
    pairs = [store.pairs.add(question, answer, source=source) for question, answer, source in LEARNED]
    for number, count in ((1, 2), (2, 3)):
        store.versions.add(
            Version(
                id=f"v000{number}",
                parent="v0001" if number > 1 else None,
                kind="personal",
                state="draft",
                strength=1.0,
                method="layer-chain",
                base_sha256="0" * 64,
                path=f"v000{number}.gguf",
                created=MOMENT,
                pair_ids=tuple(pair.id for pair in pairs[:count]),
            )
        )
        store.versions.activate(f"v000{number}")


async def take(folder: Path) -> None:
    """Walk through the app once and save four pictures."""
    with tempfile.TemporaryDirectory() as home, Store.open(Paths(Path(home) / "home")) as store:
        fill(store)
        services = ScriptedServices(store, ScriptedEngine(ANSWERS), Settings(), ScriptedLearner(store))
        app = AssistantApp(services)  # type: ignore[arg-type]
        app.animation_level = "none"
        async with app.run_test(size=SIZE) as pilot:
            await _send(pilot, "What is my dog called?")
            await pilot.press("up", "e")
            await _settle(pilot)
            await _type(pilot, "Your dog is called Biscuit.")
            _save(app, folder, "correction")
            await pilot.press("enter")
            await _settle(pilot)
            await pilot.press("escape")
            apply_mark(store, store.chats.turns(store.chats.list(2)[1].id)[-1].id, "edit", ANSWERS[1])
            await pilot.press("ctrl+n")
            await _send(pilot, "What is my dog called?")
            await _send(pilot, "How do I print today's date?")
            await pilot.press("up")
            await _settle(pilot)
            await pilot.press("r")
            await _settle(pilot)
            await pilot.press("up")
            await _settle(pilot)
            await pilot.press("left")
            await _settle(pilot)
            _save(app, folder, "chat")
            await pilot.press("f5")
            await _settle(pilot)
            _save(app, folder, "learn")
            await pilot.press("escape", "f6")
            await _settle(pilot)
            _save(app, folder, "versions")


async def _send(pilot: Pilot[None], text: str) -> None:
    await _type(pilot, text)
    await pilot.press("enter")
    await _settle(pilot)


async def _type(pilot: Pilot[None], text: str) -> None:
    names = {" ": "space", "'": "apostrophe", "?": "question_mark", ".": "full_stop"}
    await pilot.press(*(names.get(letter, letter) for letter in text))


async def _settle(pilot: Pilot[None]) -> None:
    for _ in range(8):
        await pilot.pause(0.05)
    await pilot.app.workers.wait_for_complete()
    await pilot.pause(0.1)


def _save(app: AssistantApp, folder: Path, name: str) -> None:
    # The random part of the names inside would make every picture differ from the last one.
    picture = app.export_screenshot(title="assistant")
    stable = re.sub(r"terminal-\d+", f"terminal-{name}", picture)
    # The fonts are fetched from the network otherwise, by whoever looks at the picture.
    stable = re.sub(r"@font-face \{.*?\}", "", stable, flags=re.DOTALL)
    (folder / f"{name}.svg").write_text(stable, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "screenshots")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(take(folder))
    print("\n".join(str(file) for file in sorted(folder.glob("*.svg"))))


if __name__ == "__main__":
    main()
