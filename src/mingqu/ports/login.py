"""What we need from somebody at whom people are signed in already, and who vouches for them to us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mingqu.domain.personal import Personal


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """The provider vouches for a person under `subject` (an openid: the same for ever, at our application alone).

    `union` is the same person's subject at all applications of our company, where the provider has one.
    """

    subject: Personal[str]
    union: Personal[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRefused:
    """The provider does not vouch. `code` is "code_wrong", "code_used" or "high_risk"."""

    code: str


class LoginChannel(Protocol):
    """Exchanges the code that a person brings from the provider for who they are there."""

    def exchange(self, *, code: Personal[str]) -> LoggedIn | LoginRefused:
        """Return who came with a code; a code serves once and for a few minutes. Errors: ChannelSilent."""
        ...


class LoginPage(LoginChannel, Protocol):
    """A provider that people are sent to with their browser, and come back from with a code."""

    def address(self, *, back: str, state: str) -> str:
        """Return where to send the browser. It comes back to the address `back` with `code` and our own `state`.

        `state` is unguessable and bound to the browser, so that nobody is signed in as somebody else.
        """
        ...
