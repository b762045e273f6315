"""What may be learned from: asked whenever it is needed, so that a change of mind counts at once."""

from __future__ import annotations

from assistant.store import Store


def talk(store: Store, *, learn: bool = True, state: str = "done", answer: str = "Yes.") -> tuple[int, int]:
    chat = store.chats.create("talk", learn=learn)
    prompt = store.chats.add_turn(chat.id, "user", "Is it?")
    reply = store.chats.begin_reply(chat.id, reply_to=prompt.id, model="m")
    store.chats.finish_reply(reply.id, answer, state=state)
    return prompt.id, reply.id


def test_turns_of_an_open_chat_may_be_learned_from_until_they_are_gone(store: Store) -> None:
    prompt, reply = talk(store)
    assert store.exchanges.learnable([prompt, reply, 99]) == {prompt, reply}
    store.chats.delete_turn(reply)
    assert store.exchanges.learnable([prompt, reply]) == {prompt}
    assert store.exchanges.learnable([]) == set()


def test_a_private_chat_counts_from_the_moment_it_is_one(store: Store) -> None:
    _, reply = talk(store)
    _, other = talk(store, learn=False)
    store.chats.set_learn(store.chats.turn(reply).chat_id, False)
    assert store.exchanges.learnable([reply, other]) == set()
    store.chats.set_learn(store.chats.turn(reply).chat_id, True)
    assert store.exchanges.learnable([reply, other]) == {reply}


def test_a_marked_exchange_is_out_with_all_its_answers_until_the_mark_is_taken_back(store: Store) -> None:
    prompt, reply = talk(store)
    chat = store.chats.turn(prompt).chat_id
    again = store.chats.add_turn(chat, "assistant", "No.", reply_to=prompt).id
    store.marks.add(reply, "skip")
    assert store.exchanges.learnable([prompt, reply, again]) == set()
    store.marks.add(reply, "good")
    assert store.exchanges.learnable([prompt, reply, again]) == {prompt, reply, again}
    store.marks.undo_last(chat)
    assert store.exchanges.learnable([reply]) == set()
    store.marks.undo_last(chat)
    assert store.exchanges.learnable([reply]) == {reply}


def test_finished_answers_come_in_order_with_their_prompts(store: Store) -> None:
    _, first = talk(store)
    talk(store, state="stopped")
    talk(store, learn=False)
    store.chats.add_turn(store.chats.create().id, "assistant", "An answer to nothing.")
    _, last = talk(store, answer="x" * 50)
    found = store.exchanges.after(0, limit=10, longest=20)
    assert [each.reply_id for each in found] == [first, last]
    assert (found[0].prompt, found[0].reply, found[1].reply) == ("Is it?", "Yes.", "x" * 20)
    assert store.exchanges.count_after(0) == 2
    assert [each.reply_id for each in store.exchanges.after(first, limit=10)] == [last]
    assert [each.reply_id for each in store.exchanges.after(0, limit=1)] == [first]
    assert store.exchanges.count_after(last) == 0
