"""What can go wrong on the way to a coordinator and back."""

from __future__ import annotations


class CarrierError(Exception):
    """Base of this package's errors. The text is for people and never holds a payload."""


class WrongRelease(CarrierError):
    """Another release of Flower is installed than the one that this package was checked against."""


class Unreachable(CarrierError):
    """Nobody answered, or not in time; trying again later may help."""


class NotAccepted(CarrierError):
    """The coordinator does not know this node, or not any more; trying again does not help."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        """`status` is the HTTP status, if there was one."""
        super().__init__(message)
        self.status = status


class Late(CarrierError):
    """The round that this answer belongs to is over; the answer is dropped."""


class Malformed(CarrierError):
    """What came in is not what this protocol sends, or it is too large."""


class BadInvite(CarrierError):
    """The invite cannot be read, or does not lead to the coordinator that it names."""
