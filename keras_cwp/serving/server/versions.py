"""Versions of the served models: found by polling, loaded, swapped without dropping a request, unloaded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from keras_cwp.serving.server.log import event
from keras_cwp.serving.server.model_configs import ModelConfig
from keras_cwp.serving.server.status import Code, Refused

MAX_LABEL_CHARS = 200


class State(IntEnum):
    """As in get_model_status.proto."""

    UNKNOWN = 0
    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(eq=False)
class Version:
    """One version of one model; changed under the manager's lock only.

    Args:
        error: why it could not be loaded.
        users: requests that hold it.
        tries, next_try: loads that failed, and time.monotonic() of the next one.
    """

    model: str
    number: int
    path: Path
    state: State = State.START
    error: str = ""
    servable: Any = None
    users: int = 0
    tries: int = 0
    next_try: float = 0.0


@dataclass(frozen=True)
class Polling:
    """How versions are looked for.

    Args:
        every_s: seconds between two looks at the base paths.
        retries: of a load that failed.
        retry_wait_s: seconds between them.
    """

    every_s: float = 1.0
    retries: int = 5
    retry_wait_s: float = 60.0


class Versions:
    """All versions of all models.

    Args:
        configs: the models.
        load: a version's folder and its model → an object with `warm_up` and `close`; raises what it likes.
        polling: see there.
    """

    def __init__(self, configs: list[ModelConfig], load: Callable[[Path, ModelConfig], Any], polling: Polling) -> None:
        self._configs = {config.name: config for config in configs}
        self._load_servable, self._polling = load, polling
        self._known: dict[str, dict[int, Version]] = {name: {} for name in self._configs}
        self._lock = threading.Lock()
        self._sync_lock = threading.Lock()  # held while versions are loaded and unloaded
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._poll, name="versions", daemon=True)

    def start(self) -> None:
        """Load what is there now, and go on looking."""
        self._sync()
        self._thread.start()

    def stop(self) -> None:
        """Unload everything; requests that hold a version end first."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._sync_lock:
            for version in self._all():
                self._retire(version)
            self._unload_retired(wait=True)

    @contextmanager
    def use(self, name: str, number: int | None = None, label: str | None = None) -> Iterator[Version]:
        """Hold a version that is AVAILABLE: the one named, the label's, or the largest.

        Raises:
            Refused: there is none.
        """
        with self._lock:
            version = self._find(name, number, label)
            version.users += 1
        try:
            yield version
        finally:
            with self._lock:
                version.users -= 1
                left = version.users
            if not left and version.state is State.UNLOADING:
                self._wake.set()

    def status(self, name: str, number: int | None = None, label: str | None = None) -> list[Version]:
        """Versions of a model, the largest first, as they stand.

        Raises:
            Refused: no such model, version or label.
        """
        with self._lock:
            number = self._labelled(name, label) if label else number
            known = self._known.get(name, {})
            if not known:
                raise Refused(Code.NOT_FOUND, f"Could not find any versions of model {name}")
            if number is not None and number not in known:
                raise Refused(Code.NOT_FOUND, f"Could not find version {number} of model {name}")
            return [known[each] for each in sorted(known, reverse=True) if number in (None, each)]

    def models(self) -> list[str]:
        """Names of the models."""
        with self._lock:
            return list(self._configs)

    def listed(self, name: str) -> list[Version]:
        """All versions of a model, none for a name that is no model's."""
        with self._lock:
            return list(self._known.get(name, {}).values())

    def available(self) -> bool:
        """Whether every model has a version that answers."""
        with self._lock:
            return all(
                any(version.state is State.AVAILABLE for version in self._known[name].values())
                for name in self._configs
            )

    def reload(self, configs: list[ModelConfig]) -> None:
        """Serve these models instead; models that stay go on without a gap.

        Raises:
            Refused: a model has no version that can be loaded, or a label names one that is not loaded; the models
                are replaced all the same, the labels of that model are left out.
        """
        with self._lock:
            self._configs = {config.name: config for config in configs}
            for name in self._configs:
                self._known.setdefault(name, {})
        self._sync()
        with self._lock:
            faults = [fault for config in configs if (fault := self._fault(config))]
        if faults:
            raise Refused(Code.FAILED_PRECONDITION, "; ".join(faults))

    def _fault(self, config: ModelConfig) -> str | None:
        known = self._known[config.name]
        loaded = {number for number, version in known.items() if version.state is State.AVAILABLE}
        if not loaded:
            reasons = [version.error for version in known.values() if version.error]
            return f"model {config.name}: no version could be loaded" + (f": {reasons[0]}" if reasons else "")
        for label, number in config.labels.items():
            if number not in loaded:
                self._configs[config.name] = ModelConfig(**{**vars(config), "labels": {}})
                return (
                    f"Request to assign label {label} to version {number} of model {config.name}, which is not "
                    "currently available for inference"
                )
        return None

    def _find(self, name: str, number: int | None, label: str | None) -> Version:
        number = self._labelled(name, label) if label else number
        loaded = {n: v for n, v in self._known.get(name, {}).items() if v.state is State.AVAILABLE}
        wanted = max(loaded, default=None) if number is None else number
        if wanted is None or wanted not in loaded:
            kind = f"Latest({name})" if number is None else f"Specific({name}, {number})"
            raise Refused(Code.NOT_FOUND, f"Servable not found for request: {kind}")
        return loaded[wanted]

    def _labelled(self, name: str, label: str) -> int:
        config = self._configs.get(name)
        if config is None:
            raise Refused(Code.NOT_FOUND, f"Servable not found for request: Latest({name})")
        if label not in config.labels:
            shown = label[:MAX_LABEL_CHARS]
            raise Refused(Code.INVALID_ARGUMENT, f"Unrecognized servable version label: {shown}")
        return config.labels[label]

    def _all(self) -> list[Version]:
        with self._lock:
            return [version for known in self._known.values() for version in known.values()]

    def _poll(self) -> None:
        while not self._stopping:
            self._wake.wait(self._polling.every_s)
            self._wake.clear()
            if not self._stopping:
                self._sync()

    def _sync(self) -> None:
        """Make what is loaded what is wanted: new versions first, so that no moment is without one."""
        with self._sync_lock:
            with self._lock:
                configs = list(self._configs.values())
                gone = [name for name in self._known if name not in self._configs]
            for config in configs:
                with suppress(OSError):  # a disk that is away for a moment takes no model away
                    self._sync_model(config, config.wanted())
            for version in [version for version in self._all() if version.model in gone]:
                self._retire(version)
            self._unload_retired()
            self._forget(gone)

    def _sync_model(self, config: ModelConfig, wanted: dict[int, Path]) -> None:
        for number, path in wanted.items():
            with self._lock:
                version = self._known[config.name].setdefault(number, Version(config.name, number, path))
            if self._should_load(version):
                self._load(version, config)
        with self._lock:
            known = list(self._known[config.name].values())
        ready = any(version.state is State.AVAILABLE and version.number in wanted for version in known)
        for version in known if ready or not wanted else []:
            if version.number not in wanted:
                self._retire(version)

    def _should_load(self, version: Version) -> bool:
        if self._stopping or version.state not in (State.START, State.END):
            return False
        return version.tries <= self._polling.retries and time.monotonic() >= version.next_try

    def _load(self, version: Version, config: ModelConfig) -> None:
        self._set(version, State.LOADING)
        start = time.monotonic()
        try:
            servable = self._load_servable(version.path, config)
            records = _warmed_up(servable)
        except Exception as error:  # a version that cannot be loaded must not take the others along
            version.tries += 1
            version.next_try = time.monotonic() + self._polling.retry_wait_s
            self._set(version, State.END, error=str(error) or type(error).__name__)
            return
        seconds = round(time.monotonic() - start, 3)
        self._set(version, State.AVAILABLE, servable=servable, warmup_records=records, seconds=seconds)

    def _retire(self, version: Version) -> None:
        if version.state is State.AVAILABLE:
            self._set(version, State.UNLOADING, servable=version.servable)

    def _unload_retired(self, wait: bool = False) -> None:
        for version in self._all():
            while wait and version.users:
                time.sleep(0.01)
            with self._lock:
                idle = version.state is State.UNLOADING and not version.users
            if idle:
                version.servable.close()
                version.tries, version.next_try = 0, 0.0
                self._set(version, State.END)

    def _forget(self, gone: list[str]) -> None:
        with self._lock:
            for name in gone:
                if all(version.state is State.END for version in self._known[name].values()):
                    del self._known[name]

    def _set(self, version: Version, state: State, error: str = "", servable: Any = None, **fields: Any) -> None:
        with self._lock:
            version.state, version.error, version.servable = state, error, servable
        extra = fields | ({"error": error} if error else {})
        event("version", model=version.model, version=version.number, state=state.name, **extra)


def _warmed_up(servable: Any) -> int:
    """Replay the warm-up records; a servable that fails at them is let go of."""
    try:
        return servable.warm_up()
    except Exception:
        servable.close()
        raise
