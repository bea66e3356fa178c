"""Read thousands of damaged files of every kind; stops at the first traceback, hang or memory spike.

python scripts/fuzz_data.py [attempts, default 6000] [seed, default 0]
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from support.fuzz_inputs import KINDS, Fuzzer  # noqa: E402 - the path comes first

SPIKE_MIB = 1024


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(attempts: int = 6000, seed: int = 0) -> None:
    shared = Path(os.environ.get("CWP_SHARED", ROOT.parent / "shared"))
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        fuzzer = Fuzzer(Path(folder), shared, seed)
        before = peak_mib()
        for kind in KINDS:
            refused, tried = fuzzer.refused, fuzzer.tried
            for _ in range(-(-attempts // len(KINDS))):
                fuzzer.try_once(kind)
            print(f"{kind:8} {fuzzer.tried - tried:6} tried {fuzzer.refused - refused:6} refused", flush=True)
        spike = peak_mib() - before
    print(f"{fuzzer.tried} attempts in {time.monotonic() - start:.0f} s", end=", ")
    print(f"slowest {fuzzer.slowest_s:.2f} s, memory grew by {spike:.0f} MiB")
    if spike > SPIKE_MIB:
        sys.exit(f"memory grew by {spike:.0f} MiB, more than {SPIKE_MIB}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
