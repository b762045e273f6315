"""What the guards of privacy refuse. Each message is one sentence; none holds anything of the owner's."""

from __future__ import annotations


class PrivacyError(Exception):
    """Base of every refusal here."""


class BudgetSpent(PrivacyError):
    """The round would cost more privacy than the owner allowed; nothing may be sent."""


class SecureSumError(PrivacyError):
    """A step of secure aggregation was malformed, out of order or dishonest; no secret was given away."""


class FileDamaged(PrivacyError):
    """A file of this room cannot be read; it was left untouched."""
