"""Learning together by sharing seeded scalars: tasks, rounds, replay, aggregation. Opens no connection.

Modules, from the bottom up: `refusal`, `keys`, `task`, `wire` (bytes), `directions`, `scores`, `state`,
`replay`, `log`, `robust`, `aggregate`, `device`, `coordinator`, `schedule`, `subspace`. The protocol is in
docs/protocol.md. Nothing here knows chats, texts, engines or transports.
"""
