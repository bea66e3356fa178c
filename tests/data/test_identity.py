"""The rule for names that are the same."""

from __future__ import annotations

import pytest

from keras_cwp.data.identity import (
    column_key,
    file_key,
    is_shortened_number,
    looks_empty,
    names_nobody,
    near_key,
    near_names,
    tidy,
)

SAME = [
    "M\u00fcller",
    "Mu\u0308ller",
    "M\u00fcller\u200b",
    "\ufeffM\u00fcller",
    "M\u00fcller\u00a0",
    "M\u00fcl\u00adler",
]


@pytest.mark.parametrize("name", SAME)
def test_what_nobody_can_see_does_not_count(name):
    assert tidy(name) == "M\u00fcller"


@pytest.mark.parametrize("name", ["a  b", "a\u3000b", "a\tb", "a\u00a0b ", "a \n b"])
def test_blanks(name):
    assert tidy(name) == "a b"


NEAR = [
    ("P1", "p1"), ("0001", "1"), ("1", "1.0"), ("P001", "P1"), ("P 1", "P1"), ("Ｐ１", "P1"), ("P-1", "P1"),
    ("P_01", "P1"), ("\u0420\u0031", "P1"), ("1", "1.00"), ("STRASSE", "stra\u00dfe"), ("12 345", "12345"), ("00", "0"),
    ("opacity.", "Opacity"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), NEAR)
def test_near_names(one, other):
    assert near_key(one) == near_key(other)
    assert near_names([one, other, one]) == [(one, other)]


@pytest.mark.parametrize(
    ("one", "other"), [("1-11", "11-1"), ("P1", "P10"), ("1.5", "15"), ("A1", "B1"), ("10", "1"), ("1/0", "10")]
)
def test_names_that_differ(one, other):
    assert near_key(one) != near_key(other)


@pytest.mark.parametrize("name", ["nan", "NaN", "NULL", "n/a", "#N/A", "None", "", " ", "-", "--", "?", "\u2014"])
def test_empty_words(name):
    assert looks_empty(name)
    assert names_nobody(name)


@pytest.mark.parametrize("name", ["0", "normal", "nano", "n", "p/s", "none seen", "00"])
def test_words_that_say_something(name):
    assert not looks_empty(name)


@pytest.mark.parametrize("name", ["ANONYMOUS", "Anon^", "anonymized", "UNKNOWN", "De-identified", "^^"])
def test_ids_of_nobody(name):
    assert names_nobody(name)


def test_shortened_numbers():
    assert is_shortened_number("1.23457E+11")
    assert is_shortened_number("1,23457E+11")
    assert not is_shortened_number("12E")
    assert not is_shortened_number("E+11")


@pytest.mark.parametrize("name", ["./A/b.PNG", "a\\b.png", "a//b.png", "a / b.png", "A/B.png\u200b"])
def test_file_names(name):
    assert file_key(name) == "a/b.png"


def test_leading_zeros_make_another_file():
    assert file_key("01.png") != file_key("1.png")


@pytest.mark.parametrize("name", ["patient_id", "Patient ID", "patient-id", " PATIENT_ID ", "ｐatient id"])
def test_columns(name):
    assert column_key(name) == "patient_id"
