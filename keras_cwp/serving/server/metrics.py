"""Figures for Prometheus, under TensorFlow Serving's names where it has them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric, UnknownMetricFamily

PATH = "/monitoring/prometheus/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_MICROSECONDS = tuple(10.0 * 1.8**step for step in range(33))  # TensorFlow Serving's buckets, up to 24 minutes
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """One server's figures; each server has a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str]] = Counter()
        self._states: Callable[[], Iterable[tuple[str, int, str, str]]] = lambda: ()
        self._latency = Histogram(
            ":tensorflow:serving:request_latency",
            "Time of a request, microseconds.",
            ("model_name", "API", "entrypoint"),
            buckets=_MICROSECONDS,
            registry=self._registry,
        )
        self._runtime = Histogram(
            ":tensorflow:serving:runtime_latency",
            "Time in queue and model, microseconds.",
            ("model_name",),
            buckets=_MICROSECONDS,
            registry=self._registry,
        )
        self._rows = Histogram(
            "keras_cwp_request_rows", "Rows of a request.", ("model_name",), buckets=_ROWS, registry=self._registry
        )
        self._registry.register(self)

    def watch(self, states: Callable[[], Iterable[tuple[str, int, str, str]]]) -> None:
        """Where to read model, version, state and engine from; the engine is "" where the version is not loaded."""
        self._states = states

    def request(self, model: str, api: str, entrypoint: str, status: str, seconds: float) -> None:
        """A request ended."""
        with self._lock:
            self._requests[model, status] += 1
        self._latency.labels(model, api, entrypoint).observe(seconds * 1e6)

    def run(self, model: str, rows: int, seconds: float) -> None:
        """A request came through queue and model."""
        self._runtime.labels(model).observe(seconds * 1e6)
        self._rows.labels(model).observe(rows)

    def text(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """What is no histogram; `Counter` would add _total to TensorFlow Serving's name."""
        requests = UnknownMetricFamily(
            ":tensorflow:serving:request_count", "Requests by model and status.", labels=("model_name", "status")
        )
        with self._lock:
            counted = dict(self._requests)
        for labels, count in counted.items():
            requests.add_metric(labels, count)
        states = GaugeMetricFamily(
            "keras_cwp_version_state", "1 for the state a version is in.", labels=("model_name", "version", "state")
        )
        engines = GaugeMetricFamily(
            "keras_cwp_version_engine", "1 for what computes the network.", labels=("model_name", "version", "engine")
        )
        for model, version, state, engine in self._states():
            states.add_metric((model, str(version), state), 1)
            if engine:
                engines.add_metric((model, str(version), engine), 1)
        return requests, states, engines
