"""Tiny tar shards of samples, as img2dataset writes them."""

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

from support.encoded_images import encoded


def sample(number: int, caption: str) -> list[tuple[str, bytes]]:
    key = f"{number:09d}"
    about = {"caption": f"json of {caption}", "url": "-", "key": key, "status": "success", "width": 24, "height": 16}
    return [
        (f"{key}.jpg", encoded(number)),
        (f"{key}.json", json.dumps(about).encode()),
        (f"{key}.txt", caption.encode()),
    ]


def write_tar(
    file: Path, members: Iterable[tuple[str, bytes] | tarfile.TarInfo], layout: int = tarfile.PAX_FORMAT
) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w", format=layout) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            name, content = member
            about = tarfile.TarInfo(name)
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))


def make_webdataset(root: Path) -> Path:
    """Shards 2 and 10 of two samples each, beside what img2dataset leaves there."""
    write_tar(root / "10.tar", sample(20, "a café at night") + sample(21, "  two dogs\n"))
    write_tar(root / "2.tar", sample(4, "a red car") + sample(5, ""))
    (root / "2_stats.json").write_text("{}")
    (root / "2.parquet").write_bytes(b"")
    return root
