"""From a candidate, with its text and token embeddings, to the few numbers a policy sees."""

from __future__ import annotations

import numpy as np

from selection.lexicons import Lexicons
from selection.records import Candidate, Item
from selection.scores import domain_specific_score, dominant_domain, entropy_of_embedding

# A bin of Qin et al. holds up to 1024 tokens of text, which is about this many characters of English.
TEXT_LIMIT_CHARACTERS = 4096


def measure(candidate: Candidate, lexicons: Lexicons) -> Item:
    """Everything but the scores that depend on what is kept.

    Words are counted in as much of the text as a bin holds. Raises ValueError for a bad embedding.
    """
    embedding = np.asarray(candidate.embedding, dtype=np.float32)
    if embedding.ndim != 1 or not abs(float(np.linalg.norm(embedding)) - 1.0) < 1e-3:
        raise ValueError("the embedding of a turn must be a finite vector of length 1")
    hits, words = lexicons.count(candidate.text[:TEXT_LIMIT_CHARACTERS])
    return Item(
        turn_id=candidate.turn_id,
        embedding=embedding,
        eoe=entropy_of_embedding(candidate.token_embeddings),
        tokens=len(candidate.token_embeddings),
        dss=domain_specific_score(hits, words),
        domain=dominant_domain(hits),
        learnability=candidate.learnability,
    )
