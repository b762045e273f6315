"""Which turns are worth keeping: embed, score, and hold the representative ones in a bounded buffer.

This room knows texts, embeddings, scores and its own `selection_*` tables. It does not know the language
model, the screen, chats, or how training pairs are made from what it keeps.

records.py     plain values that cross the border (Candidate, Item, Decision, BufferItem, Explanation)
embedding.py   text to vectors, with all-MiniLM-L6-v2 by default
scores.py      entropy of embedding, domain specific score, in-domain dissimilarity
lexicons.py    topic word lists; the lists themselves are lexicons/*.txt
measure.py     from a text with its vectors to the numbers a policy sees

pool.py        what is held, as columns of numbers
policies/      who makes room for whom when the buffer is full
selector.py    a stream, a pool and a policy, in memory

tables.py      the `selection_*` tables
mirror.py      the rows and their copy in memory, kept alike
index.py       the FAISS file, a cache that can be thrown away at any time
view.py        what can be asked of the buffer
buffer.py      the buffer that puts these together
"""
