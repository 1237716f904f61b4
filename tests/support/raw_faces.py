"""Folders and archives as people have CelebA-HQ and FFHQ on their disks."""

from collections.abc import Iterable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from support.raw_pictures import encoded


def make_faces(root: Path, numbers: Iterable[int]) -> Path:
    """FFHQ's layout: ``00000/00007.png`` is picture 7."""
    for number in numbers:
        file = root / f"{number // 1000 * 1000:05d}" / f"{number:05d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(number))
    return root


def make_archive(root: Path, numbers: Iterable[int], name: str = "data1024x1024.zip") -> Path:
    """An archive with ``data1024x1024/imgHQ00007.jpg`` as picture 7, and what a Mac adds."""
    root.mkdir(parents=True, exist_ok=True)
    with ZipFile(root / name, "w", ZIP_DEFLATED) as archive:
        archive.mkdir("data1024x1024")
        for number in numbers:
            archive.writestr(f"data1024x1024/imgHQ{number:05d}.jpg", encoded(number, "JPEG"))
        archive.writestr("__MACOSX/data1024x1024/._imgHQ00000.jpg", b"resource fork")
        archive.writestr("data1024x1024/README.txt", "about")
    return root


def write_list(file: Path, *lines: str) -> None:
    file.write_text("".join(f"{line}\n" for line in lines))
