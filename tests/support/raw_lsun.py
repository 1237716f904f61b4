"""LSUN's databases: keys are 40 hexadecimal digits, values WEBP images."""

from collections.abc import Iterable
from hashlib import sha1
from pathlib import Path

import lmdb
from support.raw_pictures import encoded


def key(number: int) -> str:
    """Of picture ``number``; LSUN's are SHA-1 too."""
    return sha1(str(number).encode(), usedforsecurity=False).hexdigest()


def make_database(folder: Path, numbers: Iterable[int], extra: dict[bytes, bytes] | None = None) -> None:
    folder.mkdir(parents=True)
    environment = lmdb.open(str(folder), map_size=1 << 26)
    with environment.begin(write=True) as transaction:
        for number in numbers:
            transaction.put(key(number).encode(), encoded(number, "WEBP", (26, 18)))
        for name, value in (extra or {}).items():
            transaction.put(name, value)
    environment.close()
    (folder / "lock.mdb").unlink()


def make_lsun(root: Path, train: Iterable[int], validation: Iterable[int], category: str = "church_outdoor") -> Path:
    make_database(root / f"{category}_train_lmdb", train)
    make_database(root / f"{category}_val_lmdb", validation)
    return root
