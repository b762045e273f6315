"""The on-device assistant: the only package that wires the rooms together."""

__version__ = "0.1.0"
