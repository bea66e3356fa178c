"""The six zones of the lungs, and the names that ROI tables give them.

Lines at one third and two thirds of the distance from apex to diaphragm divide each lung into an upper, a middle and a
lower zone. Right and left are the patient's. A lobe is no zone: a left lung has three zones and two lobes.

Reference: ILO, Guidelines for the use of the ILO International Classification of Radiographs of Pneumoconioses, revised
edition 2022; GBZ 70-2009 divides the lungs in the same way.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from keras_cwp.data.identity import column_key
from keras_cwp.data.manifest import Manifest
from keras_cwp.errors import DataError
from keras_cwp.wording import plural

ZONES = ("right upper", "right middle", "right lower", "left upper", "left middle", "left lower")
NO_ZONE = -1
_COLUMNS = ("zone", "lung_zone", "lung_field", "肺区", "肺區", "肺野")
_SIDES, _LEVELS = ("right", "left"), ("upper", "middle", "lower")
# Words without accents and case. English, German, French, Spanish, Portuguese, Italian,
# Polish, Russian, Turkish.
_WORDS = {
    "right": "right rt rechts rechte rechter rechtes re droit droite derecho derecha dcho dcha direito direita destro "
    "destra prawe prawy prawa правое правыи правая справа sag",
    "left": "left lt links linke linker linkes li gauche izquierdo izquierda izq izdo izda esquerdo esquerda sinistro "
    "sinistra lewe lewy lewa левое левыи левая слева sol",
    "upper": "upper up top superior sup high oben obere oberes oberer oberfeld superieur superieure haut supero "
    "superiore gorne gorny gorna верхнее верхнии верхняя ust",
    "middle": "middle mid med medium mitte mittel mittlere mittleres mittlerer mittelfeld moyen moyenne medio media "
    "mediano mediana srodkowe srodkowy srodkowa среднее среднии средняя orta",
    "lower": "lower low bottom inferior inf base basal unten untere unteres unterer unterfeld inferieur inferieure "
    "bas baixo infero inferiore dolne dolny dolna нижнее нижнии нижняя alt",
    "": "lung lungs zone zones field region area of the in lunge feld zona zonas campo poumon champ pulmon pulmonar "
    "pulmonary pulmonaire pulmao polmone polmonare pole pluca поле зона легкое легкого de del do da du la le il",
}
_MEANING = {word: part for part, words in _WORDS.items() for word in words.split()}
_CHARACTERS = {
    **{"右": "right", "左": "left", "上": "upper", "中": "middle", "下": "lower"},
    **{"우": "right", "좌": "left", "상": "upper", "중": "middle", "하": "lower"},
}
_FILL = "肺野区區域带帶部位侧側的폐야부"
_LOBE = re.compile(r"lobe|lappen|lobo|lobul|[叶葉엽]|доля")
_SHORT = {
    f"{first}{second}{rest}": (side, level)
    for side, level in ((side, level) for side in _SIDES for level in _LEVELS)
    for first, second in ((side[0], level[0]), (level[0], side[0]))
    for rest in ("", "z", "f", "lz", "lf", "l")
    if (rest != "l" or first == side[0])  # RUL is "right upper lung"; nobody writes URL
}
EXPECTED = 'right or left with upper, middle or lower, such as RU, RUZ, "right upper" or 右上'


def zone_column(manifest: Manifest) -> str | None:
    """The column of a ROI table that names zones, `zone` before other names for it; None where there is none."""
    found = {column_key(name): name for name in reversed(manifest.extra)}
    return next((found[key] for key in _COLUMNS if key in found), None)


def zone_of(text: str) -> int:
    """The number in ZONES of a zone's name; NO_ZONE for an empty one.

    Raises:
        DataError: the name of no zone, or of a lobe.
    """
    if not text.strip():
        return NO_ZONE
    plain = _plain(text)
    if _LOBE.search(plain):
        raise DataError(f"zone {text!r} is a lobe; a radiograph is staged by zones: {EXPECTED}")
    parts = _parts(plain)
    if parts is None:
        raise DataError(f"zone {text!r} is not a zone of the lungs: expected {EXPECTED}")
    return ZONES.index(" ".join(parts))


def zones_of(texts: Sequence[str] | np.ndarray) -> np.ndarray:
    """int64 [rows]: the zone of each name.

    Raises:
        DataError: as `zone_of`; the message counts the rows with that name and with other names that are no zones.
    """
    names, places, counts = np.unique(np.asarray(texts, dtype=str), return_inverse=True, return_counts=True)
    found, faults = [], []
    for name, count in zip(names.tolist(), counts.tolist(), strict=True):
        try:
            found.append(zone_of(name))
        except DataError as error:
            faults.append((f"{error} ({plural(count, 'ROI')})", name))
    if faults:
        more = f"; so are {', '.join(repr(name) for _, name in faults[1:6])}" if len(faults) > 1 else ""
        raise DataError(f"{faults[0][0]}{more}")
    return np.array(found, dtype=np.int64)[places.ravel()]


def seem_lobes(texts: Sequence[str] | np.ndarray) -> bool:
    """Whether names such as RUL may be lobes: no LML is among them, and a left lung has no middle lobe."""
    names = {_plain(text).replace(" ", "") for text in np.unique(np.asarray(texts, dtype=str)).tolist()}
    return bool(names & {"rul", "rml", "rll", "lul", "lll"}) and "lml" not in names


def _plain(text: str) -> str:
    """Without case and accents; words with one blank between them, also in RightUpper."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFKC", text))
    letters = "".join(c for c in unicodedata.normalize("NFKD", words) if not unicodedata.combining(c))
    whole = unicodedata.normalize("NFC", letters)  # Korean syllables, which NFKD takes apart
    return re.sub(r"[\W_]+", " ", whole.translate(_POLISH).casefold()).strip()


_POLISH = str.maketrans({"ł": "l", "Ł": "l"})  # the one letter here that NFKD does not take apart


def _parts(plain: str) -> tuple[str, str] | None:
    """Side and level; None where either is missing, doubled, or something else is said."""
    known, rest = [], ""
    for word in plain.split():
        if set(word) <= {*_CHARACTERS, *_FILL}:
            known += [_CHARACTERS[c] for c in word if c in _CHARACTERS]
        elif len(word) > 1 and word in _MEANING:
            known.append(_MEANING[word])
        else:
            rest += word
    known = [part for part in known if part]
    if not known:
        return _SHORT.get(rest) or _SHORT.get(rest.removesuffix("z")) or _run_together(rest)
    sides, levels = ([part for part in dict.fromkeys(known) if part in kind] for kind in (_SIDES, _LEVELS))
    if rest and not sides:
        sides = {"r": ["right"], "l": ["left"]}.get(rest[:1], []) if rest in ("r", "l", "rz", "lz") else []
        rest = "" if sides else rest
    elif rest and not levels:
        levels = {"u": ["upper"], "m": ["middle"], "l": ["lower"]}.get(rest.removesuffix("z"), [])
        rest = "" if levels else rest
    if (len(sides), len(levels)) != (1, 1):
        return None
    parts = sides[0], levels[0]
    return parts if not rest or _SHORT.get(rest) == parts else None  # right upper (RU)


def _run_together(word: str) -> tuple[str, str] | None:
    """rightupper, upperleftzone."""
    bare = re.sub(r"(lung|zone|field|region)+$", "", word)
    for side in _SIDES:
        for level in _LEVELS:
            if bare in (side + level, level + side, side[0] + level, level + side[0]):
                return side, level
    return None
