"""Send a server thousands of malformed requests; stops at the first 5xx, hang or crash.

python scripts/fuzz_serving.py saved_models/NAME [attempts, default 10000] [seed, default 0]

Starts `keras-cwp serve` on loopback itself.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.fuzz_requests import KINDS, RequestFuzzer  # noqa: E402 - the path comes first
from support.serving_process import served  # noqa: E402


def main(folder: str, attempts: str = "10000", seed: str = "0") -> None:
    path, each = Path(folder).resolve(), -(-int(attempts) // len(KINDS))
    start = time.monotonic()
    with served(path, "--timeout", "60") as server:
        fuzzer = RequestFuzzer(server.rest_port, server.grpc_port, path.name, int(seed))
        before, memory = fuzzer.good(), server.rss_mib()
        for kind in KINDS:
            fuzzer.statuses.clear()
            for _ in range(each):
                fuzzer.try_once(kind)
            print(
                f"{kind:9} {each:6}  " + "  ".join(f"{k} {v}" for k, v in sorted(fuzzer.statuses.items())), flush=True
            )
        if fuzzer.good() != before or not server.alive():
            sys.exit("the server does not answer as it did before")
        grown = server.rss_mib() - memory
        fuzzer.close()
        faults = server.log.read_text().count('"fault"')
    print(f"{fuzzer.tried} attempts in {time.monotonic() - start:.0f} s", end=", ")
    print(f"slowest {fuzzer.slowest_s:.2f} s, memory grew by {grown:.0f} MiB, {faults} faults in the log")
    if faults:
        sys.exit("the server's log has faults of its own")


if __name__ == "__main__":
    main(*sys.argv[1:])
