"""Assets are named by their content, kept for a year, compressed, and nothing outside their folders is served."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from mingqu.web import assets

ROOT = Path(__file__).resolve().parents[3]
VENDOR = ROOT / "src" / "mingqu" / "web" / "vendor"


@pytest.fixture
def client() -> TestClient:
    return TestClient(Litestar([assets.make_router()]))


def test_a_built_asset_is_served_under_the_mark_of_its_content(client: TestClient) -> None:
    place = assets.address("vendor/htmx.min.js")
    answer = client.get(place)
    assert answer.content == (VENDOR / "htmx.min.js").read_bytes()
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert client.get(place.replace(place.split("/")[2], "0" * 12)).status_code == 404


def test_it_travels_compressed_to_whoever_takes_that(client: TestClient) -> None:
    place = assets.address("vendor/weui.min.css")
    shrunk = client.get(place, headers={"accept-encoding": "gzip"})
    assert shrunk.headers["content-encoding"] == "gzip"
    assert int(shrunk.headers["content-length"]) < 50_000
    assert "content-encoding" not in client.get(place, headers={"accept-encoding": "identity"}).headers
    assert gzip.decompress(gzip.compress(shrunk.content)) == (VENDOR / "weui.min.css").read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "vendor/../record.py",
        "vendor/%2e%2e/record.py",
        "vendor//etc/passwd",
        "web/record.py",
        "vendor/",
        "vendor/nothing.js",
        "/etc/passwd",
    ],
)
def test_nothing_outside_the_folders_is_an_asset(client: TestClient, name: str) -> None:
    assert not assets.is_built(name)
    assert client.get(f"/assets/{'0' * 12}/{name}").status_code == 404


def test_every_vendored_file_has_its_licence_beside_it() -> None:
    assert {path.name for path in (VENDOR / "licences").iterdir()} >= {
        "weui.txt",
        "htmx.txt",
        "echarts.txt",
        "echarts-notice.txt",
        "zrender.txt",
        "inter.txt",
        "jetbrains-mono.txt",
        "noto-sans-sc.txt",
    }


def test_names_of_nothing_are_not_remembered(client: TestClient) -> None:
    client.get("/assets/x/borrower/nothing")
    known = len(assets._known())
    for number in range(20):
        assert client.get(f"/assets/x/borrower/{number}").status_code == 404
    assert len(assets._known()) == known
