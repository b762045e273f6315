"""Tuning: token ids, cached activations and the weights of a window of layers in; an adapter out.

Never sees chats, users or the screen, and never the engine: activations come in as plain arrays.
"""
