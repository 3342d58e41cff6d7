"""A public function says what it will do; a test says what a reader may believe."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.tidy.tree import Finding, check, python_files

# The layers whose functions are the product: a lender's architect reads these.
FOLDERS = ("src/mingqu/domain", "src/mingqu/services", "src/mingqu/ports", "src/mingqu/store")


def undocumented(tree: ast.Module, path: str) -> Iterator[Finding]:
    """Find public functions and classes of a module without a docstring, and modules without one."""
    if tree.body and ast.get_docstring(tree) is None:
        yield Finding(path=path, line=1, text="the module does not say what its subject is")
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None:
            yield Finding(path=path, line=node.lineno, text=f"{node.name} does not say what it does")


def test_every_public_function_says_what_it_does() -> None:
    assert check(undocumented, python_files(*FOLDERS)) == []


def test_a_planted_silent_function_is_caught(tmp_path: Path) -> None:
    planted = '"""Subject."""\n\ndef settle():\n    pass\n\n\nclass Loan:\n    pass\n\n\ndef _private():\n    pass\n'
    (tmp_path / "planted.py").write_text(planted)
    assert len(check(undocumented, [tmp_path / "planted.py"])) == 2
    (tmp_path / "module.py").write_text("x = 1\n")
    assert len(check(undocumented, [tmp_path / "module.py"])) == 1
