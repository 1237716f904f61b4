"""The questions of a study, and the key that says what lay on which side of each."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import ValidationError

from ldm_pipelines.errors import InputError
from ldm_pipelines.spec import PositiveFloat, Spec
from ldm_pipelines.user_study.spec import COMPARISONS, PRACTICE, UserStudy

Side = Literal["truth", "samples", "rival"]
COMPARED: tuple[tuple[Side, Side], ...] = (("samples", "truth"), ("rival", "truth"), ("samples", "rival"))
"""Task 1 for either set, and task 2."""
KEY = "key.json"


class Question(Spec):
    """A pair. The id says nothing: questions are numbered after they were shuffled."""

    id: str
    left: Side
    right: Side
    image: str
    """Id of the image of the dataset whose condition is shown."""


class Key(Spec):
    """What an answer means: ``key.json``, which is not part of the page."""

    study: str
    seconds: PositiveFloat
    condition: dict[str, Any]
    questions: tuple[Question, ...]
    samples: dict[str, Any]
    """Facts about the sample set, its digest among them."""
    rival: dict[str, Any]
    reference: dict[str, Any]
    """Facts about the true images."""

    @property
    def digest(self) -> str:
        """16 hex digits that change with anything in the key; every answer carries them."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def write(self, folder: Path) -> None:
        (folder / KEY).write_text(json.dumps(self.model_dump(mode="json"), indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Key":
        """Raises ``InputError`` for a missing or damaged file."""
        file = folder / KEY
        try:
            return cls.model_validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            raise InputError(
                f"{file} is not the key of a user study ({str(error).splitlines()[0]}); make it again with "
                f"`kedro run --pipelines=make_user_study.{folder.name}`"
            ) from error


class Drawn(NamedTuple):
    questions: tuple[Question, ...]
    practice: tuple[Question, ...]
    """Of the samples and the rival's, so that nobody learns the truth's look. Not in the key."""


def draw_questions(study: UserStudy, images: Sequence[str], rng: np.random.Generator) -> Drawn:
    """Different images for every question; in each comparison half of the pairs (rounded) are turned.

    Raises:
        InputError: there are too few images.
    """
    if len(images) < study.images_needed:
        raise InputError(
            f"user_studies.{study.name}.questions = {study.questions} needs {study.images_needed} images "
            f"({COMPARISONS} comparisons and {PRACTICE} for practice, none twice), but {study.samples!r} and "
            f"{study.rival!r} have {len(images)} in common; at most "
            f"{max(0, len(images) - PRACTICE) // COMPARISONS} questions are possible"
        )
    chosen = [images[place] for place in rng.permutation(len(images))]
    pairs: list[tuple[Side, Side]] = []
    for one, other in COMPARED:
        turned = rng.permutation(np.arange(study.questions) % 2 == 1)
        pairs += [(other, one) if turn else (one, other) for turn in turned]
    digits = len(str(len(pairs)))
    questions = [
        Question(id=f"q{number:0{digits}}", left=pairs[place][0], right=pairs[place][1], image=image)
        for number, (place, image) in enumerate(zip(rng.permutation(len(pairs)), chosen, strict=False), start=1)
    ]
    rest = chosen[len(questions) : len(questions) + PRACTICE]
    practice = [
        Question(id="practice", left=COMPARED[2][turn], right=COMPARED[2][1 - turn], image=image)
        for image, turn in zip(rest, rng.permutation(2).tolist(), strict=True)
    ]
    return Drawn(tuple(questions), tuple(practice))
