"""What Kedro calls the files that DVC knows by their paths."""

import re
from pathlib import Path

import yaml

CATALOG = Path("conf/base/catalog.yml")
DIGESTED = ("ldm_pipelines.io.FolderDataset", "ldm_pipelines.io.ResultDataset")
"""Types of dataset that records hold digests of."""


class Names:
    """The catalog's patterns, read from paths to names: ``data/03_primary/digits`` is ``datasets/digits``."""

    def __init__(self, root: Path) -> None:
        self._root = root
        entries = yaml.safe_load((root / CATALOG).read_text()).items()
        self._patterns = {
            name: re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(entry["filepath"])))
            for name, entry in entries
            if entry["type"] in DIGESTED and "{" in name
        }

    def of(self, path: Path) -> str | None:
        """None for what no record holds a digest of."""
        text = path.relative_to(self._root).as_posix() if path.is_relative_to(self._root) else ""
        found = ((name, pattern.fullmatch(text)) for name, pattern in self._patterns.items())
        return next((name.format(**match.groupdict()) for name, match in found if match), None)
