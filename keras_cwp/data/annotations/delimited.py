"""Tables as text files: encodings and separators that spreadsheets write, and rows with their line numbers."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from keras_cwp.data.annotations.faults import Faults, ignore_note
from keras_cwp.data.annotations.yolo import is_yolo
from keras_cwp.data.identity import tidy
from keras_cwp.data.image_files import IMAGE_SUFFIXES
from keras_cwp.errors import DataError

_SEPARATORS = ",;\t|"
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)  # Excel's first line that names the separator
# What a tool says before the table; a spreadsheet that saved the file again may have put it in quotes.
_COMMENT = re.compile(r'"?#[ \t][^\n]*\n')
_STATED_HEADER = re.compile(r"#\s*CSV_HEADER\s*=\s*(.*)")  # VIA 3 names its columns in such a line
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods; .xls
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_GB2312_PAIRS = re.compile(rb"(?:[\x00-\x7f]|[\xa1-\xf7][\xa1-\xfe])*")  # what Chinese Excel writes, rare letters aside
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?")
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+")  # 1,234 is one and a bit, or more than a thousand


@dataclass(frozen=True)
class Table:
    """A text table. Rows are parsed when they are asked for.

    Args:
        header: column names as written, without blanks around them; none stands twice.
        text: the whole file, decoded.
        first: characters before the header; before the rows where a comment is the header.
        comments: lines that begin with # and a blank, before the header.
        header_is_comment: the header is one of them.
    """

    path: Path
    header: tuple[str, ...]
    text: str
    separator: str
    first: int = 0
    comments: tuple[str, ...] = ()
    header_is_comment: bool = False

    def rows(self, faults: Faults) -> Iterator[tuple[int, dict[str, str]]]:
        """Line number and fields by column; blank lines are left out.

        A row of another length than the header is gathered as a fault; surplus empty fields do not count.

        Raises:
            DataError: the table breaks off within quotes.
        """
        lines = _lines(self.text, self.first, self.separator, self.path)
        if not self.header_is_comment:
            next(lines)
        for line, row in lines:
            while len(row) > len(self.header) and not row[-1]:
                row.pop()
            if len(row) == len(self.header):
                yield line, dict(zip(self.header, row, strict=True))
            else:
                faults.add(DataError(f"{self.path}, line {line}: {len(row)} fields, the header has {len(self.header)}"))


def read_table(path: Path, note: Callable[[str], None] = ignore_note) -> Table:
    """The table in a text file: UTF-8, UTF-16 or GBK; separated by comma, semicolon, tab or bar, as the header is.

    Raises:
        DataError: unreadable, of another encoding, a spreadsheet's own format, YOLO, empty, without a header, or a
            column named twice.
    """
    text = _decoded(path, note)
    stated = _SEPARATOR_LINE.match(text)
    comments, first = _comments(text, stated.end() if stated else 0)
    if is_yolo(text[first:]):
        raise DataError(f"{path}: YOLO labels (class cx cy width height), expected a table with a header")
    named = next((found[1] for line in comments if (found := _STATED_HEADER.match(line))), None)
    beginning = text[first:].lstrip().partition("\n")[0] if named is None else named
    separator = stated[1] if stated else max(_SEPARATORS, key=beginning.count)
    lines = _lines(text, first, separator, path)
    header = next(lines, (0, []))[1] if named is None else [tidy(name) for name in named.split(separator)]
    _check_header(path, header)
    if next(lines, None) is None:
        raise DataError(f"{path}: {'only a header' if header else 'empty'}; a table needs a header and rows")
    while header and not header[-1]:
        header.pop()
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise DataError(f"{path}: column {repeated[0]!r} stands more than once in the header")
    return Table(path, tuple(header), text, separator, first, comments, named is not None)


def _comments(text: str, first: int) -> tuple[tuple[str, ...], int]:
    """The comment lines from `first` on, without a spreadsheet's quotes, and where they end."""
    comments = []
    while found := _COMMENT.match(text, first):
        line, first = found[0].strip(), found.end()
        comments.append(",".join(next(csv.reader([line]))) if line.startswith('"') else line)
    return tuple(comments), first


def decimal(text: str) -> float:
    """A number as spreadsheets write it: with a point, or with a comma where that cannot mean thousands.

    Raises:
        ValueError: no number, or one that can be read in two ways.
    """
    if _DECIMAL_COMMA.fullmatch(text) and not _THOUSANDS.fullmatch(text):
        return float(text.replace(",", "."))
    try:
        return float("_" if "_" in text else text)  # Python reads 1_000 as a thousand
    except ValueError:
        raise ValueError(f"{text!r} is no number, or can be read in two ways") from None


def _decoded(path: Path, note: Callable[[str], None]) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read as a CSV table: {error.strerror}") from None
    if content.startswith(_WORKBOOKS):
        raise DataError(f"{path}: a spreadsheet's own format; save it there as CSV UTF-8")
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), None)
    encoding = encoding or _utf16_without_mark(content)
    try:
        return content.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding or not _GB2312_PAIRS.fullmatch(content):
            raise DataError(
                f"{path}: cannot be read as a CSV table: neither UTF-8 nor GBK (byte {error.start}); save it in Excel "
                "as 'CSV UTF-8'"
            ) from None
    text = content.decode("gb18030")
    foreign = next(char for char in text if not char.isascii())
    sample = next(line for line in text.splitlines() if foreign in line).strip()
    note(f"{path}: not UTF-8, read as GBK: {sample:.60}; if that is wrong, save it as 'CSV UTF-8'")
    return text


def _utf16_without_mark(content: bytes) -> str | None:
    """UTF-16 by its zero bytes, at even or odd places only."""
    zeros = [content[place:4096:2].count(0) for place in (0, 1)]
    if max(zeros) * 4 < min(len(content), 4096) or min(zeros) > 0:
        return None
    return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"


def _lines(text: str, first: int, separator: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number in the file and tidy fields of each row that is not blank."""
    stream = io.StringIO(text, newline="")
    skipped = stream.read(first).count("\n")
    reader = csv.reader(stream, delimiter=separator, strict=True)
    try:
        for row in reader:
            fields = [tidy(field) if "\0" not in field else field for field in row]
            if any(fields):
                yield reader.line_num + skipped, fields
    except csv.Error as error:
        raise DataError(f"{path}: cannot be read as a CSV table: line {reader.line_num + skipped}: {error}") from None


def _check_header(path: Path, header: list[str]) -> None:
    """Refuse a first line of values."""
    numbers = sum(_NUMBER.fullmatch(name) is not None for name in header)
    pictures = any(name.lower().endswith(IMAGE_SUFFIXES) for name in header)
    if numbers > 1 or pictures:
        raise DataError(
            f"{path}: no header: the first line holds values ({', '.join(header):.60}); write a first line with the "
            "columns' names, such as image,patient_id,label,x,y,width,height"
        )
