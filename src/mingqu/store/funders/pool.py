"""Pools as their policy files say, and the file of a pool's month."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from mingqu.domain.abs_pool import PoolFile, PoolFileMalformed, PoolTerms, parse_pools, read_month
from mingqu.domain.policy_file import Document, PolicyFault, plain
from mingqu.store.decisions.policy import only_once, policy_folder, read_document

POOLS_FOLDER: Final = "pools"
FILE_BYTES_MAX: Final = 256_000_000  # half a million loans; a larger file is not one pool's month


def load_pools(*, folder: Path | None = None) -> tuple[PoolTerms, ...]:
    """Return the pools of a folder of policies, by default the one of this installation. Errors: PolicyFault."""
    top = policy_folder() if folder is None else folder
    paths = sorted((top / POOLS_FOLDER).glob("*.toml"))
    return parse_pools(documents=[read_document(path, file=path.relative_to(top).as_posix()) for path in paths])


def read_pool_file(path: Path) -> PoolFile:
    """Return the month that a JSON file describes. Errors: PoolFileMalformed; OSError when it cannot be read."""
    with path.open("rb") as file:
        content = file.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise PoolFileMalformed(f"{path.name} is larger than {FILE_BYTES_MAX} bytes: is it one pool's month?")
    try:
        body = plain(json.loads(content.decode("utf-8"), object_pairs_hook=only_once), file=path.name)
    except PolicyFault as fault:
        raise PoolFileMalformed(fault.message, **fault.details) from None
    except (ValueError, RecursionError) as fault:
        raise PoolFileMalformed(f"{path.name} does not read as JSON: {' '.join(str(fault).split())}.") from None
    if not isinstance(body, dict):
        raise PoolFileMalformed(f"{path.name} is not one object. Write pool, from, to, opening, loans and offered.")
    return read_month(document=Document(file=path.name, body=body))
