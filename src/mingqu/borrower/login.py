"""What this door needs of a super-app's login: where it begins, and who came back from it."""

from __future__ import annotations

from typing import Protocol

from mingqu.domain.personal import Personal
from mingqu.services.people.sign_in_with_wechat import CameIn


class SuperAppLogin(Protocol):
    """A login by authorization code. `state` is ours, made anew each time, and must come back as it was."""

    def address(self, *, state: str) -> str:
        """Return where the person is sent to agree."""
        ...

    def sign_in(self, *, code: Personal[str]) -> CameIn:
        """Return the person that a code leads to, and who they are there. Errors: refusals of the login."""
        ...


class AccountPage(Protocol):
    """A super-app's page where a person agrees: to be signed in here, or that their account there is bound."""

    def address(self, *, path: str, state: str) -> str:
        """Return where the person is sent; they come back to `path` of this site."""
        ...
