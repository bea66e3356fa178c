"""When two spellings are one name: the rule for patient ids, labels, file names and column names.

Two levels. `tidy` removes what nobody can see, so names with the same tidy form are the same for certain. `near_key`
also ignores what programs change on the way (case, leading zeros, a `.0`, full-width letters, blanks). Names that
share only the near key are asked about.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# What a program writes for an empty cell: pandas, R, SQL, Excel, Python. Compared by near_key.
_EMPTY_WORDS = ("nan", "null", "none", "na", "n/a", "#n/a", "<na>", "nil", "undefined", "#value!", "#ref!", "#name?")
_EMPTY_MARKS = re.compile(r"[-–—?.*/]*")
# What archives write in place of a PatientID that was removed.
_NO_PATIENT = ("anon", "anonym", "anonymous", "anonymized", "anonymised", "unknown", "removed", "deidentified", "xxx")
_SHORTENED = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.IGNORECASE)  # 1.23457E+11: Excel's form of a long number
_NUMBER = re.compile(r"\d+")
_ENDINGS = ".,;:。、"
_DECIMAL_ZERO = re.compile(r"(?<=\d)\.0+$")
# Cyrillic and Greek letters that look like Latin ones.
_LOOKALIKES = str.maketrans("АВЕКМНОРСТХУІЈЅаеорсхуіјѕΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEKMHOPCTXYIJSaeopcxyijsABEZHIKMNOPTYXo")
_JOIN = re.compile(r"(?<=[^\W\d_])[-_]+(?=\d)|(?<=\d)[-_]+(?=[^\W\d_])")


def tidy(text: str) -> str:
    """The text without what cannot be seen.

    Composed letters (Unicode NFC), no zero-width or control characters, each run of blanks of any kind as one blank,
    none at the ends.
    """
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip(" ")
    seen = "".join(
        " " if char.isspace() else char
        for char in unicodedata.normalize("NFC", text)
        if char.isspace() or unicodedata.category(char) not in ("Cc", "Cf")
    )
    return unicodedata.normalize("NFC", " ".join(seen.split()))


def near_key(text: str) -> str:
    """What is left of an id or a label when everything is ignored that programs change on the way.

    Besides `tidy`: compatibility forms (full-width letters), case, all blanks, leading zeros of each number, a
    trailing `.0`, punctuation at the end, letters of other alphabets that look like Latin ones, and a hyphen or
    underscore between a letter and a digit.
    """
    folded = unicodedata.normalize("NFKC", tidy(text)).translate(_LOOKALIKES).casefold()
    joined = _JOIN.sub("", "".join(unicodedata.normalize("NFKC", folded).split())).rstrip(_ENDINGS) or folded
    return _NUMBER.sub(lambda match: match[0].lstrip("0") or "0", _DECIMAL_ZERO.sub("", joined))


def near_names(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of at least two different names that share a near key, in the order of their first name."""
    groups: dict[str, dict[str, None]] = {}
    for name in dict.fromkeys(names):
        groups.setdefault(near_key(name), {})[name] = None
    return [tuple(group) for group in groups.values() if len(group) > 1]


def looks_empty(name: str) -> bool:
    """Whether a program wrote this in place of an empty cell: nan, NULL, N/A, a hyphen."""
    text = tidy(name).casefold()
    return text in _EMPTY_WORDS or _EMPTY_MARKS.fullmatch(text) is not None


def names_nobody(patient_id: str) -> bool:
    """Whether a patient id says only that there is none: an empty cell's word, or ANONYMOUS."""
    text = re.sub(r"[^\w]|_", "", tidy(patient_id).casefold())
    return looks_empty(patient_id) or text in _NO_PATIENT or not text


def is_shortened_number(name: str) -> bool:
    """Whether Excel shortened a long number, such as 1.23457E+11; several ids may have become one."""
    return _SHORTENED.fullmatch(tidy(name)) is not None


def file_key(name: str) -> str:
    """One key for all spellings of a file's path that mean the same file for certain.

    Backslashes are slashes, `./` and doubled slashes are left out, and Unicode form, invisible characters, blanks at
    the ends of a part and case do not count.
    """
    parts = (tidy(part) for part in unicodedata.normalize("NFC", name).replace("\\", "/").split("/"))
    return "/".join(part.casefold() for part in parts if part not in ("", "."))


def column_key(name: str) -> str:
    """A column's name without case; blanks and hyphens are underscores."""
    return re.sub(r"[\s-]+", "_", unicodedata.normalize("NFKC", tidy(name)).casefold()).strip("_")
