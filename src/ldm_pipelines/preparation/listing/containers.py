"""Containers of images (tar, Parquet) below a dataset's folder, found by a pattern."""

import re
from pathlib import Path

from ldm_pipelines.data.originals import NotInside, check_relative
from ldm_pipelines.data.remote import RemoteFolder
from ldm_pipelines.errors import InputError


def find(raw: Path | RemoteFolder, pattern: str, key: str) -> list[str]:
    """Relative paths that match, hidden ones left out, with numbers in their order: ``9.tar`` before ``10.tar``.

    Raises ``InputError`` that names the setting ``key`` where the pattern leaves the folder.
    """
    try:
        check_relative(pattern)
        if isinstance(raw, RemoteFolder):
            found = raw.names(pattern)
        else:
            found = [path.relative_to(raw).as_posix() for path in raw.glob(pattern)]
    except (NotInside, ValueError, NotImplementedError) as error:
        raise InputError(f"{key}: {error}; it must be a pattern of paths below {raw}") from error
    return sorted((path for path in found if not _hidden(path)), key=_natural)


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _natural(path: str) -> tuple[list[list[str | int]], str]:
    """Text and numbers take turns in every part of the path, so only like is compared with like."""
    parts = [re.split(r"([0-9]+)", part) for part in path.split("/")]
    return [[int(piece) if piece.isdecimal() else piece for piece in part] for part in parts], path


def caption_of(text: str | None) -> str | None:
    """The caption without white space around it; None where nothing is left."""
    return (text or "").strip() or None
