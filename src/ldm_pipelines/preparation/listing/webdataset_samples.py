"""Samples of one tar shard: consecutive members that share their name up to the first dot."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ldm_pipelines.data.decoding import READABLE_EXTENSIONS, UNSUPPORTED_EXTENSIONS
from ldm_pipelines.data.originals import Location
from ldm_pipelines.errors import near_miss
from ldm_pipelines.preparation.listing.containers import caption_of
from ldm_pipelines.preparation.listing.entries import Candidate, Entry, Refused
from ldm_pipelines.preparation.listing.files import Unusable, printable
from ldm_pipelines.preparation.listing.tar_members import Member, regular_files

MEMBER = re.compile(r"((?:.*/)?[^./]+)\.([^/]+)", re.DOTALL)
IMAGES = frozenset({"jpg", "jpeg", "png", "webp"})
OTHER_IMAGES = frozenset(extension[1:] for extension in READABLE_EXTENSIONS | UNSUPPORTED_EXTENSIONS) - IMAGES
LONGEST_TEXT = 1 << 20
"""Bytes; no caption is longer."""


class Sample(NamedTuple):
    key: str
    """Path without extension."""
    images: list[Member]
    other_images: list[Member]
    """In formats that shards do not have."""
    texts: dict[str, bytes | None]
    """Content of ``txt``, ``json`` and ``cls`` members by extension; None where it is absurdly long."""

    def caption(self, key: str | None) -> str | None:
        """From the key of the JSON, or all of the text. Raises ``Unusable``."""
        text = self._text("txt" if key is None else "json")
        return caption_of(text if key is None or text is None else _value(text, key))

    def label(self) -> str | None:
        """Raises ``Unusable``."""
        return caption_of(self._text("cls"))

    def _text(self, extension: str) -> str | None:
        if extension not in self.texts:
            return None
        content = self.texts[extension]
        if content is None:
            raise Unusable(f"its .{extension} is longer than {LONGEST_TEXT} bytes")
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Unusable(f"its .{extension} is not text in UTF-8") from error


def sample_entries(file: Path, path: str, signature: str, split: str | None, key: str | None) -> Iterator[Entry]:
    """One entry for each sample of the shard ``path``, and one for each member that may not be used.

    ``signature`` is the shard's; ``key`` is that of captions in the samples' JSON (None: captions are text files).
    """
    seen: set[str] = set()
    try:
        with file.open("rb") as stream:
            for sample in _samples(stream, path, {"cls", "txt" if key is None else "json"}):
                if isinstance(sample, Refused):
                    yield sample
                elif sample.key in seen:
                    reason = "a sample of this name came before; the files of a sample must lie one after another"
                    yield Refused(printable(f"{path}/{sample.key}"), reason)
                else:
                    seen.add(sample.key)
                    yield _entry(sample, path, signature, split, key)
    except OSError as error:
        yield Refused(printable(path), f"the shard cannot be read: {error.strerror}")


def _samples(stream: BinaryIO, path: str, texts: set[str]) -> Iterator[Sample | Refused]:
    """Samples with an image or a text. Other members (``README``, ``a.npy``) are passed over."""
    sample = None
    waiting: list[Refused] = []  # until the sample before or around it is complete
    for member in regular_files(stream, path):
        if isinstance(member, Refused):
            waiting.append(member)
            continue
        named = MEMBER.fullmatch(member.name)
        if named is None:
            continue
        key, extension = named[1], named[2].lower()
        if extension not in IMAGES | OTHER_IMAGES | texts:
            continue
        if sample is None or sample.key != key:
            yield from filter(None, [sample, *waiting])
            sample, waiting = Sample(key, [], [], {}), []
        if extension in texts:
            sample.texts[extension] = _read(stream, member)
        else:
            (sample.images if extension in IMAGES else sample.other_images).append(member)
    yield from filter(None, [sample, *waiting])


def _read(stream: BinaryIO, member: Member) -> bytes | None:
    if member.size > LONGEST_TEXT:
        return None
    stream.seek(member.offset)
    return stream.read(member.size)


def _entry(sample: Sample, path: str, signature: str, split: str | None, key: str | None) -> Entry:
    try:
        image = _image(sample)
        member = f"{image.offset}:{image.size}"
        return Candidate(
            origin=printable(f"{path}/{image.name}"),
            label=sample.label(),
            location=Location(path, member),
            signature=f"{signature}-{member}",
            split=split,
            caption=sample.caption(key),
        )
    except Unusable as reason:
        named = [*sample.images, *sample.other_images]
        return Refused(printable(f"{path}/{named[0].name if named else sample.key}"), str(reason))


def _image(sample: Sample) -> Member:
    if len(sample.images) > 1:
        raise Unusable(f"its sample has {len(sample.images)} images; which one is meant is not defined")
    if sample.images:
        return sample.images[0]
    if sample.other_images:
        raise Unusable(f"the format is not one of shards ({', '.join(sorted(IMAGES))}); convert it")
    raise Unusable(f"the sample has no image ({', '.join(sorted(IMAGES))})")


def _value(text: str, key: str) -> str | None:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unusable("its .json is not JSON") from error
    if not isinstance(values, dict):
        raise Unusable("its .json is not an object with keys")
    if key not in values:
        raise Unusable(f"its .json has no key {key!r}{near_miss(key, [*values][:20])}")
    value = values[key]
    if value is not None and not isinstance(value, str):
        raise Unusable(f"{key!r} in its .json is not text")
    return _encodable(value)


def _encodable(text: str | None) -> str | None:
    """JSON can name halves of characters, which no file can hold."""
    try:
        (text or "").encode("utf-8")
    except UnicodeEncodeError as error:
        raise Unusable("its .json holds half of a character (a lone surrogate)") from error
    return text
