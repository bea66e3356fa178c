"""Send DICOM files to an archive, such as a PACS: by C-STORE, or by STOW-RS, which is HTTP."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pydicom

from keras_cwp.errors import CwpError, ServingError
from keras_cwp.runtime import install_command

CALLING = "KERAS_CWP"  # AE title of this program
_EXPECTED = "expected dicom://CALLED_AE@HOST:PORT, or the address of a DICOMweb service, such as https://HOST/dicom-web"
_AE_TITLE = re.compile(r"[\x21-\x5b\x5d-\x7e](?:[\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?")  # PS3.5, VR AE
_PORT = 104  # of DICOM
_TIMEOUT_S = 30
_WARNINGS = range(0xB000, 0xC000)  # statuses of C-STORE with which an object is stored all the same (PS3.4, B.2.3)


@dataclass(frozen=True)
class Archive:
    """Where to send.

    Args:
        address: as it was given; holds no password.
        host, port, called, calling: of C-STORE; `host` is "" for DICOMweb.
        token: for DICOMweb, sent as `Authorization: Bearer TOKEN`; "": none.
    """

    address: str
    host: str = ""
    port: int = _PORT
    called: str = ""
    calling: str = CALLING
    token: str = ""


class NotSentError(CwpError):
    """The archive cannot be reached, or refuses an object."""


def parse_archive(address: str, token: str = "") -> Archive:
    """Read an address: dicom://CALLED@HOST:PORT (?aet=CALLING) or the http(s) address of a DICOMweb service.

    Raises:
        ServingError: no such address, a password in it, a token for C-STORE, or what it needs is not installed.
    """
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise ServingError(f"archive {address}: {error}; {_EXPECTED}") from None
    if parts.password:
        raise ServingError("archive: an address with a password in it ends up in logs; use a token file")
    if not parts.hostname or parts.scheme not in ("dicom", "http", "https") or parts.fragment:
        raise ServingError(f"archive {address}: {_EXPECTED}")
    package = "pynetdicom" if parts.scheme == "dicom" else "dicomweb_client"
    if importlib.util.find_spec(package) is None:
        raise ServingError(f"archive {address}: it needs {package}: {install_command('dicom')}")
    if parts.scheme != "dicom":
        return Archive(address, token=token)
    if token:
        raise ServingError(f"archive {address}: a token is for DICOMweb; C-STORE has none")
    calling = parse_qs(parts.query).get("aet", [CALLING])[0]
    for title in (parts.username or "", calling):
        if not _AE_TITLE.fullmatch(title):
            raise ServingError(f"archive {address}: {title!r} is no AE title (1 to 16 ASCII characters); {_EXPECTED}")
    return Archive(address, parts.hostname, port or _PORT, parts.username or "", calling)


def send(files: Sequence[Path], archive: Archive) -> None:
    """Send DICOM files; those that were taken before an error stay in the archive.

    Raises:
        NotSentError: no answer, or an object is refused.
    """
    way = _by_c_store if archive.host else _by_stow
    importlib.import_module("pynetdicom" if archive.host else "dicomweb_client")  # so that its loggers are known
    with _silence():
        way(files, archive)


@contextmanager
def _silence() -> Iterator[None]:
    """Have the libraries log nothing: they may quote an object, which names the patient."""
    names = [
        name for name in logging.root.manager.loggerDict if name.split(".")[0] in ("pynetdicom", "dicomweb_client")
    ]
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, was in zip(loggers, before, strict=True):
            logger.disabled = was


def _by_c_store(files: Sequence[Path], archive: Archive) -> None:
    from pynetdicom import AE, build_context

    _check_answers(archive)
    heads = [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
    kinds = sorted({(str(head.SOPClassUID), str(head.file_meta.TransferSyntaxUID)) for head in heads})
    entity = AE(ae_title=archive.calling)
    entity.requested_contexts = [build_context(*kind) for kind in kinds]
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = entity.connection_timeout = _TIMEOUT_S
    peer = entity.associate(archive.host, archive.port, ae_title=archive.called)
    if not peer.is_established:
        why = "refuses the association" if peer.is_rejected else "does not speak DICOM here"
        raise NotSentError(f"{archive.address} {why}; are its AE title and this program's ({archive.calling}) right?")
    try:
        for file, head in zip(files, heads, strict=True):
            _store(peer, file, head, archive)
    finally:
        peer.release()


def _check_answers(archive: Archive) -> None:
    """pynetdicom leaves its socket open where nothing listens, and does not say why there is no association."""
    try:
        socket.create_connection((archive.host, archive.port), _TIMEOUT_S).close()
    except OSError as error:
        raise NotSentError(f"{archive.address} does not answer ({error.strerror or error})") from None


def _store(peer: Any, file: Path, head: Any, archive: Archive) -> None:
    kind = head.SOPClassUID.name
    try:
        status = peer.send_c_store(file).get("Status")
    except ValueError:  # no context was accepted for it
        raise NotSentError(f"{archive.address} does not take objects of the kind {kind}") from None
    if status is None:
        raise NotSentError(f"{archive.address} gave no answer to the {kind}")
    if status != 0 and status not in _WARNINGS:
        raise NotSentError(f"{archive.address} refuses the {kind} (status 0x{status:04X})")


def _by_stow(files: Sequence[Path], archive: Archive) -> None:
    import requests
    from dicomweb_client.api import DICOMwebClient

    session = requests.Session()
    if archive.token:
        session.headers["Authorization"] = f"Bearer {archive.token}"
    client = DICOMwebClient(archive.address, session=session)
    try:
        answer = client.store_instances([pydicom.dcmread(file) for file in files])
    except requests.HTTPError as error:
        code = error.response.status_code if error.response is not None else "unknown"
        raise NotSentError(f"{archive.address} refuses the objects (HTTP {code})") from None
    except (requests.RequestException, OSError) as error:
        raise NotSentError(f"{archive.address} does not answer ({type(error).__name__})") from None
    if failed := answer.get("FailedSOPSequence"):
        raise NotSentError(f"{archive.address} refuses {len(failed)} of {len(files)} objects")
