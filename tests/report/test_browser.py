"""The page in a real browser: no console message, no request, every figure to be seen, at two widths, in the dark."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no browser; apt-get install chromium"),
]
PROBE = """<script>addEventListener("load", () => {
  const seen = [...document.querySelectorAll("svg, .example img")].map((element) => {
    const box = element.getBoundingClientRect();
    return {width: box.width, height: box.height, left: box.left, loaded: element.complete ?? true,
            shapes: element.querySelectorAll("path, use").length};
  });
  const requests = performance.getEntriesByType("resource").map((entry) => entry.name);
  const pre = document.createElement("pre");
  pre.id = "probe";
  pre.textContent = JSON.stringify({seen, requests, page: document.documentElement.scrollWidth, view: innerWidth});
  document.body.append(pre);
});</script></head>"""


def browse(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
        "--disable-background-networking", f"--user-data-dir={folder / 'profile'}", *options,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.fixture
def page(folder: Path, tmp_path: Path) -> Path:
    """A copy of the page alone, without the files beside it."""
    return Path(shutil.copy(folder / "report.html", tmp_path))


@pytest.mark.parametrize("width", [500, 1280])
def test_all_figures_are_visible_and_nothing_is_requested(page: Path, width: int) -> None:
    probed = page.with_name("probed.html")
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text(encoding="utf-8"))
    probed.write_text(text.replace("</head>", PROBE), encoding="utf-8")
    done = browse(page.parent, f"--window-size={width},900", "--dump-dom", probed.as_uri())
    found = json.loads(re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)[1])
    assert [url for url in found["requests"] if not url.startswith("data:")] == []
    assert len(found["seen"]) == 9 + 3
    for element in found["seen"]:
        assert element["loaded"]
        assert element["width"] > 80
        assert element["height"] > 80
        assert 0 <= element["left"] < width
    assert all(element["shapes"] > 10 for element in found["seen"][:8])
    assert found["page"] <= found["view"]  # the page itself never scrolls sideways


def test_console_is_silent_and_dark_is_dark(page: Path) -> None:
    brightness = {}
    for name, scheme in (("dark", 0), ("light", 1)):
        shot = page.with_name(f"{name}.png")
        done = browse(
            page.parent,
            f"--blink-settings=preferredColorScheme={scheme}",
            "--window-size=1280,2400",
            f"--screenshot={shot}",
            page.as_uri(),
        )
        assert "CONSOLE" not in done.stderr, done.stderr
        brightness[name] = cv2.imread(str(shot), cv2.IMREAD_GRAYSCALE)
    assert np.median(brightness["dark"]) < 60
    assert np.median(brightness["light"]) > 240
    assert brightness["dark"].std() > 20  # there is something to read on it
