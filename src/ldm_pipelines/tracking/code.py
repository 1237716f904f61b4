"""Which code runs. A commit cannot tell: files may be edited while a stage runs, or while it waits to go on."""

from functools import cache
from pathlib import Path

import ldm_pipelines
from ldm_pipelines.digests import digest_code

PACKAGE = Path(ldm_pipelines.__file__).parent


@cache
def running_code() -> str:
    """Digest of the package as it was when this process first asked: the hook asks at its start."""
    return code_on_disk()


def code_on_disk() -> str:
    """Digest of the package as it is now; empty where it cannot be read, as in the middle of an edit."""
    try:
        return digest_code(PACKAGE)
    except OSError:
        return ""
