"""The arithmetic is a library: it brings along neither the platform nor any package but numpy."""

from __future__ import annotations

import subprocess
import sys

# Import everything below the package named, and print what came along that the language does not bring itself.
PROBE = """
import importlib, pkgutil, sys
before = set(sys.modules)
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, prefix=package.__name__ + "."):
    importlib.import_module(module.name)
came = set(sys.modules) - before
print(*sorted({".".join(name.split(".")[:2]) if name.startswith("mingqu.") else name.split(".")[0] for name in came}
              - set(sys.stdlib_module_names)))
"""
ALLOWED = {"mingqu", "mingqu.domain", "numpy"}


def brought_along(package: str) -> set[str]:
    """Return the packages that importing all of one brings along, and the parts of mingqu."""
    ran = subprocess.run([sys.executable, "-c", PROBE, package], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_the_domain_brings_along_no_package_but_numpy() -> None:
    assert brought_along("mingqu.domain") - ALLOWED == set()


def test_the_probe_sees_what_another_part_brings_along() -> None:
    assert {"psycopg", "mingqu.store"} <= brought_along("mingqu.store") - ALLOWED
