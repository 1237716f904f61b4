"""The one kind of error that is meant for the person who typed the command."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(Exception):
    """Bad input from outside: a file, a key, a name. The message says what is wrong, where, and what to do.

    The command line prints the message alone; every other exception keeps its traceback.
    """


def near_miss(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the closest known name, else the list of known names."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if names else "; there are none"
