"""Keeps reports from telling about their owner: noise with an account of its cost, secure sums, an audit.

Sees vectors of scalars and bytes of keys; never a text, a chat or a model.
"""
