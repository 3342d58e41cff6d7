"""What `main` opens for the commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from mingqu.domain.refusal import Refusal

if TYPE_CHECKING:  # whatever a command needs of these it imports itself
    from litestar import Litestar

    from mingqu.demo.world import Newcomer, OnlineWorld, World
    from mingqu.domain.decision.pack import Pack
    from mingqu.services.books.recut_book import Recut
    from mingqu.services.evidence.prove_copy import Manifest
    from mingqu.services.evidence.verify_loans import Progress
    from mingqu.services.house import House


class Served(Protocol):
    """A house that is about to be served, and our address as the world knows it."""

    @property
    def house(self) -> House: ...
    @property
    def public_url(self) -> str: ...
    @property
    def sandbox_addresses(self) -> Mapping[str, str]: ...
    def meet(self, newcomer: Newcomer, *, balance_fen: int) -> None: ...
    def silence_bank(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """A book beside a copy of it that was restored from a backup; how long both steps took."""

    manifest: Manifest
    book: Any
    copy: Any
    keys: Any
    backup_seconds: float
    restore_seconds: float


class PeopleFileMalformed(Refusal):
    """The file of people for the sandbox is not one; the message names line and column."""

    code: ClassVar[str] = "people_file_malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who is to exist for the counterparties of a sandbox: those of a file, and so many made up from a seed."""

    file: Path | None = None
    made: int = 0
    seed: int = 1


class Wiring(Protocol):
    """What `main` opens for the commands."""

    def pack(self) -> Pack: ...
    def demo_world(self, *, data: Path | None, seed: int, fresh: bool = False) -> AbstractContextManager[World]: ...
    def online_world(self, *, data: Path | None, seed: int) -> AbstractContextManager[OnlineWorld]: ...
    def is_new(self, *, data: Path) -> bool: ...
    def remember_clock(self, *, data: Path, now: datetime) -> None: ...
    def live_house(self, *, data: Path, makes_book: bool) -> AbstractContextManager[House]: ...
    def asking_house(self, *, data: Path) -> AbstractContextManager[House]: ...
    def sandbox(
        self, *, data: Path, only: Sequence[str], people: People, lenders: Sequence[str]
    ) -> AbstractContextManager[Mapping[str, str]]: ...
    def served_house(self, *, data: Path, address: str) -> AbstractContextManager[Served]: ...
    def site(self, house: House, *, public_url: str, is_working: Callable[[], bool]) -> Litestar: ...
    def today(self) -> date: ...
    def reading(self, *, data: Path) -> AbstractContextManager[tuple[Any, Any]]: ...
    def backup(self, *, data: Path, to: Path) -> Manifest: ...
    def restore(self, *, source: Path, data: Path, keys: Path | None) -> Manifest: ...
    def copied(self, *, data: Path, source: Path | None, keys: Path | None) -> AbstractContextManager[Copied]: ...
    def recut(self, *, data: Path, cells: int, progress: Progress) -> Recut: ...
    def migrate(self, *, data: Path) -> list[str]: ...
