"""The secret that a server may ask its clients for."""

from __future__ import annotations

from pathlib import Path

from keras_cwp.errors import ServingError

_LEAST = 16  # characters


def read_token(path: Path) -> str:
    """The token that a file holds.

    Raises:
        ServingError: unreadable, or too short to be a secret.
    """
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ServingError(f"token file {path}: {error}") from None
    if len(token) < _LEAST or not token.isascii() or any(character.isspace() for character in token):
        raise ServingError(
            f"token file {path}: {len(token)} characters; expected one line of at least {_LEAST} ASCII "
            "characters without spaces, such as `openssl rand -hex 32` writes"
        )
    return token
