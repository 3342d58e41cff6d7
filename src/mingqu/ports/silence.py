"""The one exception every port may raise: the channel said nothing usable."""

from __future__ import annotations


class ChannelSilent(Exception):  # noqa: N818  It is not an error of ours, and the name is the word of the house.
    """No usable answer came: the request may or may not have been done. It is never a failure of the order.

    `reason` is "timeout", "server_error", "connection" or "unreadable". It carries no body and no address of the
    request, because those hold personal data.
    """

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The channel gave no usable answer ({reason}).")
        self.reason = reason
