"""Tokenizers and encoders of transformers, from a folder or the hub."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers.utils import logging

from ldm_pipelines.errors import InputError


def load_pretrained(loader: Any, name: str, key: str, what: str) -> Any:
    """``loader.from_pretrained``, offline where ``name`` is a folder.

    Raises:
        InputError: nothing there that the loader knows; ``key`` (of the parameters) and ``what`` are for its message.
    """
    is_folder = Path(name).is_dir()
    if not is_folder and (name.startswith((".", "/", "~")) or name.count("/") > 1):
        raise InputError(f"{key}: looked for a {what} in the folder {name}, which does not exist")
    place = f"the folder {name}" if is_folder else f"{name!r} on the hub (there is no such folder here)"
    try:
        with quiet():
            return loader.from_pretrained(name, local_files_only=is_folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error).strip().split("\n")[0]
        raise InputError(f"{key}: looked for a {what} in {place}, and cannot load it: {reason}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars of transformers for files that take a moment."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
