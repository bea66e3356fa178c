"""Versions of the served models: found by polling, loaded, swapped without dropping a request, unloaded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from keras_cwp.serving.server.log import event
from keras_cwp.serving.server.model_configs import ModelConfig, why_nothing
from keras_cwp.serving.server.status import Code, Refused
from keras_cwp.serving.server.version import Polling, State, Version

MAX_LABEL_CHARS = 200


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
        self._replaced: list[Version] = []  # whose number stands for another folder by now
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
            Refused: a base path does not exist or has no version; nothing is changed then. Or a version cannot be
                loaded, and the one that it was to replace goes on; or a label names one that is not loaded, and the
                labels of that model are left out. The other models are replaced all the same.
        """
        _check_base_paths(configs)
        with self._lock:
            for version in (version for known in self._known.values() for version in known.values()):
                version.refused = None  # to be tried again
            self._configs = {config.name: config for config in configs}
            for name in self._configs:
                self._known.setdefault(name, {})
        self._sync()
        if faults := self.faults():
            raise Refused(Code.FAILED_PRECONDITION, "; ".join(faults))

    def faults(self) -> list[str]:
        """Why models have no version that answers, or lack the version of a label; a line each."""
        with self._lock:
            return [fault for config in list(self._configs.values()) if (fault := self._fault(config))]

    def _fault(self, config: ModelConfig) -> str | None:
        known = self._known[config.name]
        loaded = {number for number, version in known.items() if version.state is State.AVAILABLE}
        if not loaded:
            reasons = [version.error for version in known.values() if version.error] or [why_nothing(config)]
            return f"model {config.name}: no version could be loaded: {reasons[0]}"
        for number, version in known.items():
            if version.refused is not None:
                path, reason = version.refused
                kept = f"version {number} of {version.path.parent} answers on"
                return f"model {config.name}: {path} could not be loaded: {reason}; {kept}"
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
            return [*self._replaced, *(version for known in self._known.values() for version in known.values())]

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
            if version.path != path and version.refused is None:
                self._move(version, Version(config.name, number, path), config)
            elif version.path == path and self._should_load(version):
                self._load(version, config)
        with self._lock:
            known = list(self._known[config.name].values())
        ready = any(version.state is State.AVAILABLE and version.number in wanted for version in known)
        for version in known if ready or not wanted else []:
            if version.number not in wanted:
                self._retire(version)

    def _move(self, old: Version, new: Version, config: ModelConfig) -> None:
        """A number that stands for another folder since a reload: the old one answers until the new one can."""
        self._load(new, config)
        with self._lock:
            if new.state is not State.AVAILABLE and old.state is State.AVAILABLE:
                old.refused = (new.path, new.error)
                return
            self._known[config.name][new.number] = new
            self._replaced.append(old)
        self._retire(old)

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
        with self._lock:
            self._replaced = [version for version in self._replaced if version.state is not State.END]

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


def _check_base_paths(configs: list[ModelConfig]) -> None:
    """Refuse folders without a version before anything is changed for them."""
    for config in configs:
        try:
            reason = "" if config.wanted() else why_nothing(config)
        except OSError as error:
            missing = f"base_path {config.base_path}: {'no such folder' if not config.base_path.exists() else error}"
            raise Refused(Code.NOT_FOUND, f"model {config.name}: {missing}; the models are served as before") from None
        if reason:
            said = f"model {config.name}: no version could be loaded: {reason}; the models are served as before"
            raise Refused(Code.FAILED_PRECONDITION, said)


def _warmed_up(servable: Any) -> int:
    """Replay the warm-up records; a servable that fails at them is closed."""
    try:
        return servable.warm_up()
    except Exception:
        servable.close()
        raise
