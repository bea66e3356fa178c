"""What a run's report says of the probe on the same folds."""

from __future__ import annotations

from keras_cwp.report.comparison import write_comparison
from keras_cwp.report.run_comparison import compared_run
from keras_cwp.training.beside import probe_run
from keras_cwp.training.run import RunFolder

_NETWORK, _PROBE = "the network", "the probe"


def beside_probe(run: RunFolder) -> str | None:
    """A sentence with a paired test of the run against its probe; comparison.html with all of it is written there.

    None where the run has no probe: cv --baseline probe trains it.
    """
    probe = RunFolder(probe_run(run.path))
    if not probe.complete:
        return None
    config = run.config
    pair = [compared_run(_NETWORK, run), compared_run(_PROBE, probe)]
    sentence = write_comparison(pair, config.evaluate, config.seed, probe.path)
    return f"Beside it stands a linear probe of frozen ImageNet features on the same folds: {sentence}"
