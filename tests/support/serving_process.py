"""`keras-cwp serve` as a process of its own, for the scripts that load and fuzz it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_STOP_S = 60


@dataclass
class Served:
    """A server process that answers."""

    process: subprocess.Popen[str]
    rest_port: int
    grpc_port: int
    log: Path

    def rss_mib(self) -> float:
        """Its resident memory."""
        fields = Path(f"/proc/{self.process.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def cpu_s(self) -> float:
        """CPU time that it has taken; a busy machine changes it far less than it changes times on the clock."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None


@contextmanager
def served(folder: Path, *options: str) -> Iterator[Served]:
    """Start a server of one model on free ports; stop it by SIGTERM.

    Raises:
        RuntimeError: it did not start, or did not end with exit code 0.
    """
    command = [sys.executable, "-m", "keras_cwp", "serve", str(folder), "--rest-port", "0", "--grpc-port", "0"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
        process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        try:
            assert process.stdout is not None
            words = process.stdout.readline().split()
            if len(words) < 4:
                raise RuntimeError(f"the server did not start: {Path(log.name).read_text()[-2000:]}")
            ports = [int(word.partition("://")[2].partition("/")[0].rpartition(":")[2] or word.rpartition(":")[2])
                     for word in (words[1], words[3])]  # fmt: skip
            yield Served(process, ports[0], ports[1], Path(log.name))
            process.send_signal(signal.SIGTERM)
            code = process.wait(_STOP_S)
        finally:
            process.kill()
            process.wait()
        if code != 0:
            raise RuntimeError(f"the server ended with exit code {code}: {Path(log.name).read_text()[-2000:]}")
