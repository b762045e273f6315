"""Other wordings of a question, facts out of statements, and questions that must stay unanswered.

Knows a question, an answer, a `generate` callable and an `embed` callable; never where they came from.
"""
