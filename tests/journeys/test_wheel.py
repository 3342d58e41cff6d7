"""The wheel alone is enough: installed somewhere else, without the checkout, it serves its pages with their styles."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.journeys.command import environment, passing_folder

pytestmark = pytest.mark.xdist_group("wheel")  # built once in a run
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


def test_mingqu_serve_of_the_wheel_serves_every_door_and_its_styles(installed: Path) -> None:
    with passing_folder() as folder:
        run_it = [sys.executable, "-m", "mingqu.main", "serve", "--data", str(folder / "book"), "--port", "0"]
        with subprocess.Popen(
            run_it,
            cwd=folder,
            env=environment(PYTHONPATH=str(installed)),
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        ) as process:
            try:
                assert process.stderr is not None
                said = next(line for line in process.stderr if "/health" in line)
                address = said.split("/ ", 1)[0]
                with httpx.Client(base_url=address, follow_redirects=True) as client:
                    page = client.get("/")
                    styles = re.findall(r'href="(/assets/[^"]+\.css)"', page.text)
                    answers = [client.get(place) for place in (*styles, "/console", "/v1/docs", "/v1/openapi.json")]
            finally:
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=60)
        assert len(styles) == 2
        assert [answer.status_code for answer in (page, *answers)] == [200] * 6
