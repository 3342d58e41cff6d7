"""The nonces of requests that came, so that none is taken twice."""

from __future__ import annotations

import threading
from typing import Final

from mingqu.ports.clock import Clock
from mingqu.ports.notice import NoticeReplayed

NONCES_KEPT_SECONDS: Final = 600
# Only a party's own signature gets a nonce in here; this many in ten minutes is more than one process takes.
NONCES_KEPT_MAX: Final = 200_000


class SeenNonces:
    """Remembers nonces for as long as the process lives; a signature is too old by the time one is forgotten."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, float] = {}  # nonce → when it may be forgotten, oldest first
        self._lock = threading.Lock()

    def once(self, nonce: str) -> None:
        """Remember a nonce. Errors: NoticeReplayed when it came before."""
        now = self._clock.now().timestamp()
        with self._lock:
            while self._seen:  # ends: each turn forgets one
                oldest = next(iter(self._seen))
                if self._seen[oldest] > now and len(self._seen) < NONCES_KEPT_MAX:
                    break
                del self._seen[oldest]
            if nonce in self._seen:
                raise NoticeReplayed("This very message came before.")
            self._seen[nonce] = now + NONCES_KEPT_SECONDS
