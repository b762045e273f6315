"""Where a federation's files are, and its errors in the assistant's words."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import AssistantError, ConsentMissing, NetworkError, UsageError
from assistant.paths import Paths

if TYPE_CHECKING:
    from federation.flower.membership import Membership

_INSTALL = "Install it with: pip install 'assistant[federation]'."


@dataclass(frozen=True, slots=True)
class Places:
    """One federation that this device takes part in, and one that it coordinates; both may exist."""

    paths: Paths

    @property
    def root(self) -> Path:
        return self.paths.home / "federation"

    @property
    def joined(self) -> Path:
        return self.root / "joined"

    @property
    def is_joined(self) -> bool:
        """Whether this device takes part in a federation; loads nothing to find out."""
        return (self.joined / "coordinator").exists()

    @property
    def hosted(self) -> Path:
        return self.root / "hosted"

    @property
    def left(self) -> Path:
        """Ledgers of federations that were left: what was sent stays provable."""
        return self.root / "left"

    def ensure(self) -> None:
        self.paths.ensure()
        self.root.mkdir(exist_ok=True, mode=0o700)
        self.root.chmod(0o700)


def membership(paths: Paths) -> Membership:
    """The federation this device takes part in. Raises UsageError when there is none."""
    from federation.flower.membership import Membership

    member = Membership(Places(paths).joined)
    if not member.is_joined:
        raise UsageError(
            "This device takes part in no federation.", hint="`assistant federation join INVITE` joins one."
        )
    return member


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """What `federation/` refuses, with a next step."""
    from federation.flower.errors import (
        BadInvite,
        CarrierError,
        NotAccepted,
        Unreachable,
        WrongRelease,
    )
    from federation.refusal import FederationError

    try:
        yield
    except ModuleNotFoundError as problem:
        if (problem.name or "").partition(".")[0] not in ("flwr", "httpx", "uvicorn", "starlette"):
            raise
        raise AssistantError(
            "Learning together needs an extra part that is missing.", hint=_INSTALL
        ) from None
    except WrongRelease as problem:
        raise AssistantError(f"{problem}.", hint=_INSTALL) from problem
    except BadInvite as problem:
        raise UsageError(
            f"The invite can't be used: {problem}.", hint="Ask for a new one; nothing was sent."
        ) from problem
    except NotAccepted as problem:
        raise ConsentMissing(f"{problem}.", hint="Ask whoever sent the invite for a new one.") from problem
    except Unreachable as problem:
        raise NetworkError(
            f"The coordinator can't be reached ({problem}).", hint="Check that it runs, and the connection."
        ) from problem
    except (CarrierError, FederationError) as problem:
        raise AssistantError(f"The federation's files can't be used: {problem}.") from problem
