"""The wheel alone is enough: installed somewhere else, without the checkout, it serves its pages with their styles."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and unpack it where nothing else of the project is; the libraries are those of this Python."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    made = subprocess.run(
        [sys.executable, "-c", build, str(folder)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    wheel = folder / made.stdout.strip().splitlines()[-1]
    place = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    return place


def run(installed: Path, code: str) -> str:
    """Run Python code with the unpacked wheel first on the path, outside the checkout."""
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=installed.parent,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_package_is_the_one_of_the_wheel(installed: Path) -> None:
    assert run(installed, "import mingqu; print(mingqu.__file__)").startswith(str(installed))


def test_styles_scripts_fonts_and_licences_are_inside_and_test_tools_are_not(installed: Path) -> None:
    vendor = installed / "mingqu" / "web" / "vendor"
    for name in ("weui.min.css", "htmx.min.js", "echarts.min.js", "fonts/NotoSansSC_400Regular.ttf"):
        assert (vendor / name).stat().st_size > 10_000
    assert (vendor / "licences" / "weui.txt").exists()
    assert not (vendor / "axe.min.js").exists()
    assert (installed / "mingqu" / "policies" / "products").is_dir()
