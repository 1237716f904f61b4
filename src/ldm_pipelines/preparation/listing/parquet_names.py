"""Names of Parquet files on the Hugging Face Hub: ``data/train-00000-of-00005.parquet``, older ones with a digest."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from ldm_pipelines.errors import InputError, near_miss
from ldm_pipelines.preparation.listing.files import names_in

NAME = re.compile(r"(?P<begin>.+?)(?:-(?P<part>\d{5})-of-(?P<parts>\d{5})(?:-[0-9a-f]+)?)?\.parquet", re.ASCII)


def split_of(path: str, splits: Mapping[str, str | None], key: str) -> str | None:
    """The split that the file name's beginning stands for; None: left out. Raises ``InputError``."""
    name = path.rpartition("/")[2]
    found = NAME.fullmatch(name)
    if found is None:
        raise InputError(f"{path} is not named like train-00000-of-00005.parquet; rename it, or narrow source.files")
    if found["begin"] not in splits:
        raise InputError(
            f"{key}: {path} is of no known split {found['begin']!r}{near_miss(found['begin'], splits)}; add it there "
            f"('{found['begin']}: null' leaves its files out)"
        )
    return splits[found["begin"]]


def absent_parts(raw: Path, paths: Sequence[str]) -> list[str]:
    """Files that must exist by the numbers of ``paths``, and do not."""
    present: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    for folder in sorted({path.rpartition("/")[0] for path in paths}):
        for name in names_in(raw / folder).files:
            if (found := NAME.fullmatch(name)) and found["part"]:
                present[folder, found["begin"], found["parts"]].add(int(found["part"]))
    wanted = {
        (path.rpartition("/")[0], found["begin"], found["parts"])
        for path in paths
        if (found := NAME.fullmatch(path.rpartition("/")[2])) and found["parts"]
    }
    return [
        f"{folder}/{begin}-{part:05d}-of-{parts}.parquet".removeprefix("/")
        for folder, begin, parts in sorted(wanted)
        for part in range(int(parts))
        if part not in present[folder, begin, parts]
    ]
