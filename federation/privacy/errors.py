"""What the guards of privacy refuse. Each message is one sentence; none holds anything of the owner's."""

from __future__ import annotations

from federation.refusal import FederationError


class PrivacyError(FederationError):
    """Base of every refusal here that is not about a message."""


class BudgetSpent(PrivacyError):
    """The round would cost more privacy than the owner allowed; nothing may be sent."""


class FileDamaged(PrivacyError):
    """A file of this room cannot be read; it was left untouched."""
