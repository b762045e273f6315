"""Asking the owner about a few replies: which, when, and what becomes of the answer.

value.py        what a judgement would be worth: novel × uncertain. Pure.
policy.py       when a question may be put, within the owner's budget. Pure; the clock is passed in.
survivors.py    which kept turns may be asked about, read from the store and the buffer
asking.py       the three together: the question at a pause, the review, and what an answer does
own_replies.py  pairs from the assistant's own replies that nobody complained about
"""

REVIEW_SIZE = 10
"""How many replies a review offers at a time."""
