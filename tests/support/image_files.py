"""Images as other people's programs leave them: files, archives, arrays."""

import struct
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image


def photograph(seed: int, width: int, height: int | None = None) -> Image.Image:
    """A smooth random RGB image, different for each seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height or width), Image.Resampling.BICUBIC)


def write_squares(folder: Path, count: int = 6, side: int = 12) -> Path:
    """PNGs of two classes, in folders ``cat`` and ``dog``, and a file that is no image."""
    for seed in range(count):
        file = folder / ("cat" if seed < count // 2 else "dog") / f"{seed}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        photograph(seed, side).save(file)
    (folder / "README.txt").write_text("about")
    return folder


def zip_folder(folder: Path, file: Path, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(file, "w", compression) as archive:
        for path in sorted(folder.rglob("*"), reverse=True):  # archives are in no particular order
            archive.write(path, path.relative_to(folder))
    return file


def flip_byte(file: Path, member: str, at: float) -> None:
    """Damages what a member of a zip file holds, at this fraction of its (compressed) bytes."""
    with zipfile.ZipFile(file) as archive:
        info = archive.getinfo(member)
    content = bytearray(file.read_bytes())
    name, extra = struct.unpack_from("<HH", content, info.header_offset + 26)
    content[info.header_offset + 30 + name + extra + int(at * info.compress_size)] ^= 0xFF
    file.write_bytes(content)
