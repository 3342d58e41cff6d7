"""The one exception every port may raise: the channel said nothing usable."""

from __future__ import annotations


class ChannelSilent(Exception):  # noqa: N818  It is not an error of ours, and the name is the word of the house.
    """No usable answer came: the request may or may not have been done. It is never a failure of the order.

    `reason` is "timeout", "server_error", "connection", "unreadable", "unsigned" (the answer's signature, age or
    nonce is wrong, so it is nobody's answer), "busy" (asked too often) or "rejected" (the channel names a fault of
    the request that says nothing about the order). It carries no body and no address of the request, because those
    hold personal data. `retry_after_seconds` is what a busy channel asks for.
    """

    def __init__(self, *, reason: str, retry_after_seconds: int | None = None) -> None:
        super().__init__(f"The channel gave no usable answer ({reason}).")
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds
