"""Files of a dataset's folder: which there are, by name alone, and whether a listed one may be used."""

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ldm_pipelines.data.decoding import READABLE_EXTENSIONS, UNSUPPORTED_EXTENSIONS
from ldm_pipelines.data.originals import Location, NotInside, Originals, check_relative
from ldm_pipelines.data.remote import RemoteFolder
from ldm_pipelines.errors import InputError
from ldm_pipelines.preparation.listing.entries import Candidate, Refused, Shard

FILES_OF_A_SHARD = 512


class Unusable(Exception):
    """A file cannot be used, or must not be. The message is a reason, free of absolute paths."""


class Absent(Unusable):
    """There is no such file, or only a link that leads nowhere (``linked``)."""

    def __init__(self, relative: str, linked: bool) -> None:
        super().__init__(f"there is no file {relative}")
        self.linked = linked


class Names(NamedTuple):
    """What lies in a folder: names or relative paths, sorted, without what is hidden."""

    files: tuple[str, ...]
    folders: tuple[str, ...]
    linked_folders: tuple[str, ...]
    """Links to folders, which are not followed."""


def inside(raw: Path, relative: str, key: str) -> Path:
    """The real path of a file or folder that a setting names, whether or not it exists.

    Raises ``InputError`` that begins with ``key`` (the setting or the dataset) where the path, or a link on its way,
    leads out of ``raw``.
    """
    try:
        return Originals(raw).path(relative)
    except NotInside as error:
        raise InputError(f"{key}: {error}") from error


def names_in(folder: Path) -> Names:
    """What lies right in ``folder``. Nothing is opened, and only links are looked at. Raises ``InputError``."""
    files, folders, links = [], [], []
    try:
        with os.scandir(folder) as found:
            for entry in found:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif entry.is_symlink() and Path(entry.path).is_dir():
                    links.append(entry.name)
                else:
                    files.append(entry.name)
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be read: {error.strerror}") from error
    return Names(tuple(sorted(files)), tuple(sorted(folders)), tuple(sorted(links)))


def names_below(folder: Path, below: str = "") -> Names:
    """All that lies anywhere below ``folder/below``, as paths relative to ``folder`` with forward slashes.

    Raises ``InputError`` for a folder that cannot be read.
    """
    files: list[str] = []
    folders: list[str] = []
    links: list[str] = []
    pending = [f"{below}/" if below else ""]
    while pending:
        prefix = pending.pop()
        here = names_in(folder / prefix)
        files += [prefix + name for name in here.files]
        folders += [prefix + name for name in here.folders]
        links += [prefix + name for name in here.linked_folders]
        pending += [f"{prefix}{name}/" for name in here.folders]
    return Names(*(tuple(sorted(paths, key=parts)) for paths in (files, folders, links)))


def parts(path: str) -> list[str]:
    """What paths are sorted by, so that a folder's files stay together."""
    return path.split("/")


def signature(status: os.stat_result) -> str:
    """Changes when a file's content may have changed."""
    return f"{status.st_size}-{status.st_mtime_ns}"


def linked_folder_entries(linked: Iterable[str]) -> Iterator[Refused]:
    """One refusal for each link to a folder."""
    for name in linked:
        yield Refused(printable(name), "a link to a folder is not followed; put the folder itself here")


def unsupported(name: str) -> str:
    """The reason to refuse an image of a format that is not read here."""
    return f"the format {extension(name)} is not supported; convert it to PNG or JPEG"


def extension(name: str) -> str:
    """Of a file name, in lower case."""
    return PurePosixPath(name).suffix.lower()


def images_among(names: Sequence[str], ignored: Counter[str]) -> list[str]:
    """Those that are images by their extension, readable here or not; the others are counted in ``ignored``."""
    images = []
    for name in names:
        if extension(name) in READABLE_EXTENSIONS or extension(name) in UNSUPPORTED_EXTENSIONS:
            images.append(name)
        else:
            ignored[extension(name) or "no extension"] += 1
    return images


def printable(path: str) -> str:
    """The path as valid Unicode: bytes of a file name that are no UTF-8 show as ``\\xff``."""
    return os.fsencode(path).decode("utf-8", errors="backslashreplace")


def slices(count: int) -> Iterator[slice]:
    """Consecutive slices of ``count`` files, one for each shard."""
    return (slice(start, min(start + FILES_OF_A_SHARD, count)) for start in range(0, count, FILES_OF_A_SHARD))


class Signatures:
    """Checks files below one folder and says what changes when one of them does.

    Folders that several files share are resolved once: a file that is no link lies where its folder lies.
    """

    def __init__(self, root: Path | RemoteFolder) -> None:
        self._root, self._originals = root, Originals(root)
        self._folders = {"": Path(os.path.realpath(root))} if isinstance(root, Path) else {}

    def image(self, relative: str) -> str:
        """Of an image. Raises ``Unusable``, also for a format that is not read here."""
        if extension(relative) in UNSUPPORTED_EXTENSIONS:
            raise Unusable(unsupported(relative))
        if extension(relative) not in READABLE_EXTENSIONS:
            raise Unusable(f"{extension(relative) or 'no extension'!r} is the extension of no image format known here")
        return self.of(relative)

    def of(self, relative: str) -> str:
        """Size and time of a regular file, which may be behind a link that stays inside. Raises ``Unusable``."""
        try:
            relative.encode()
            if isinstance(self._root, RemoteFolder):
                return self._root.signature(relative)
            status = self._real(relative).stat()
        except UnicodeEncodeError:
            raise Unusable("the name of the file is no valid Unicode; rename it") from None
        except NotInside as error:
            raise Unusable(str(error)) from error
        except FileNotFoundError:
            raise Absent(relative, isinstance(self._root, Path) and (self._root / relative).is_symlink()) from None
        except OSError as error:
            raise Unusable(f"{relative} cannot be read: {error.strerror or error}") from error
        if not stat.S_ISREG(status.st_mode):
            raise Unusable(f"{relative} is not a regular file")
        return signature(status)

    def _real(self, relative: str) -> Path:
        check_relative(relative)
        folder, _, name = relative.rpartition("/")
        if folder not in self._folders:
            self._folders[folder] = self._originals.path(folder)
        file = self._folders[folder] / name
        return self._originals.path(relative) if file.is_symlink() else file


def file_entry(
    files: Signatures,
    relative: str,
    *,
    label: str | None = None,
    split: str | None = None,
    absent: str = "there is no such file",
) -> Candidate | Refused:
    """The entry of one image file; ``absent`` is the reason where it is not there. Looks at the file, not into it."""
    origin = printable(relative)
    if extension(relative) in UNSUPPORTED_EXTENSIONS:
        return Refused(origin, unsupported(relative))
    try:
        signed = files.of(relative)
    except Absent as reason:
        return Refused(origin, absent if not reason.linked else "the link leads nowhere")
    except Unusable as reason:
        return Refused(origin, str(reason))
    return Candidate(origin, label, location=Location(relative), signature=signed, split=split)


def numbered(shards: Iterable[Shard]) -> list[Shard]:
    """The same shards, of known sizes, with the position of their first entry."""
    first, placed = 0, []
    for shard in shards:
        placed.append(replace(shard, first=first))
        first += shard.size or 0
    return placed


def refuse(origins: Sequence[str], reason: str) -> Iterator[Shard]:
    """A shard of what is refused without a look at it; none if there is nothing."""
    if origins:
        yield Shard(partial(_refusals, tuple(origins), reason), name=printable(origins[0]), size=len(origins))


def _refusals(origins: tuple[str, ...], reason: str) -> Iterator[Refused]:
    for origin in origins:
        yield Refused(printable(origin), reason)
