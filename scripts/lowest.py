"""Print pip constraints that hold each requirement of setup.cfg, extras included, at its lower bound.

python scripts/lowest.py > constraints.txt
"""

from __future__ import annotations

import configparser
import re
from pathlib import Path

SETUP = Path(__file__).parents[1] / "setup.cfg"
_BOUND = re.compile(r"([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?\s*>=\s*([0-9.]+)")


def lower_bounds(setup: Path = SETUP) -> dict[str, str]:
    """Package to the lowest version that setup.cfg allows.

    Raises:
        ValueError: a requirement without a lower bound.
    """
    parser = configparser.ConfigParser()
    parser.read(setup, encoding="utf-8")
    blocks = [parser["options"]["install_requires"], *parser["options.extras_require"].values()]
    bounds = {}
    for line in (line.strip() for block in blocks for line in block.splitlines()):
        if not line or line.startswith(("#", "keras_cwp[")):
            continue
        found = _BOUND.match(line)
        if found is None:
            raise ValueError(f"setup.cfg: {line!r} has no lower bound; write NAME>=VERSION")
        bounds[found[1].lower()] = found[2]
    return bounds


if __name__ == "__main__":
    for name, version in lower_bounds().items():
        print(f"{name}=={version}")
