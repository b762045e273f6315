"""The engine: llama.cpp behind one thread. Knows models, tokens and adapters; never chats or the screen."""
