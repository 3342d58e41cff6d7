"""What we need from a super-app that delivers a message to somebody who asked for just one of that kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from mingqu.domain.personal import Personal
from mingqu.ports.sms import MessageRefused, MessageTaken


class SubscribedMessageChannel(Protocol):
    """Delivers inside an app. Nothing is delivered twice by the channel's own doing, and nothing is said again."""

    @property
    def templates(self) -> frozenset[str]:
        """The names, in our words, of the templates that are registered there."""
        ...

    def send(
        self, *, login: Personal[str], template: str, values: Mapping[str, Personal[str]]
    ) -> MessageTaken | MessageRefused:
        """Send one message of a template in `templates`. Errors: ChannelSilent, after which it may have arrived.

        `MessageRefused` has the code "no_quota" when the person allows none, "template_unknown" and others.
        """
        ...
