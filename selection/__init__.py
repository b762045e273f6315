"""Which turns are worth keeping: embed, score, and hold the representative ones in a bounded buffer.

This room knows texts, embeddings, scores and its own `selection_*` tables. It does not know the language
model, the screen, chats, or how training pairs are made from what it keeps.

records.py     plain values that cross the border (Candidate, Scores, Decision, BufferItem)
embedding.py   text to vectors, with all-MiniLM-L6-v2 by default
scores.py      entropy of embedding, domain specific score, in-domain dissimilarity
lexicons.py    topic word lists; the lists themselves are lexicons/*.txt
policy.py      who makes room for whom when the buffer is full
tables.py      the `selection_*` tables
index.py       the FAISS file, a cache that can be thrown away at any time
buffer.py      the buffer that puts these together
"""
