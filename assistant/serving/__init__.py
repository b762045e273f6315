"""The local OpenAI-compatible endpoint. Knows the engine and HTTP; never the screen, chats or learning."""
