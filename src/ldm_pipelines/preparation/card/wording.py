"""Foreign text (file names, captions) and numbers as they are shown."""

import re
import unicodedata

LONGEST = 160
_TURNING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_MARKS = re.compile(r"[\\`*_\[\]|~@]|:(?=//)|(?<=www)\.", re.IGNORECASE)


def shown(text: str, longest: int = LONGEST) -> str:
    """On one line, of limited length, without characters that are invisible or turn the direction of writing."""
    cut = f"{text[:longest]}…" if len(text) > longest else text
    return "".join("\N{REPLACEMENT CHARACTER}" if _unseemly(letter) else letter for letter in " ".join(cut.split()))


def cell(value: str | int | float) -> str:
    """Numbers with thousands separated, or three digits."""
    if isinstance(value, str):
        return shown(value)
    return f"{value:,.0f}" if value == int(value) else f"{value:.3g}"


def markdown(text: str) -> str:
    """With everything escaped that Markdown or HTML would read as its own."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKS.sub(r"\\\g<0>", plain)


def _unseemly(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs", "Cn") or letter in _TURNING
