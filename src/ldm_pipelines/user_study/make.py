"""From two sample sets and the truth to a page that asks, and a key that knows."""

from pathlib import Path

import numpy as np

from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.digests import digest_folder
from ldm_pipelines.errors import InputError
from ldm_pipelines.evaluation.images.sample_sets import SampleSet
from ldm_pipelines.evaluation.pairs.truth import Truth, find_truth
from ldm_pipelines.seeding import derive_seed
from ldm_pipelines.user_study.conditions import Pixels, condition_of, drawer
from ldm_pipelines.user_study.page import Shown, write_page
from ldm_pipelines.user_study.questions import Key, Question, Side, draw_questions
from ldm_pipelines.user_study.spec import UserStudy


def make_user_study(
    study: UserStudy, samples_folder: Path, rival_folder: Path, dataset_folder: Path, folder: Path
) -> Path:
    """``index.html`` and ``key.json`` in ``folder``; returns it. The same inputs give the same bytes.

    Raises:
        InputError: the two sets are not of the same conditions, or have too few of them in common.
    """
    dataset = PreparedDataset(dataset_folder)
    sets = {"samples": SampleSet(samples_folder), "rival": SampleSet(rival_folder)}
    condition = _same_conditions(study, dataset, **sets)
    truths = {side: find_truth(made, dataset) for side, made in sets.items()}
    places = {side: _first_places(made) for side, made in sets.items()}
    common = sorted(set(places["samples"]) & set(places["rival"]))
    rng = np.random.default_rng(derive_seed(study.seed, "user_study", study.name))
    drawn = draw_questions(study, common, rng)
    draw = drawer(condition)

    def picture(side: Side, image: str) -> Pixels:
        if side == "truth":
            return _true_image(truths["samples"], places["samples"][image])
        return sets[side].pixels(np.array([places[side][image]]))[0]

    def shown(question: Question) -> Shown:
        left, right = (picture(side, question.image) for side in (question.left, question.right))
        return Shown(question.id, draw(picture("truth", question.image), question.image), left, right)

    key = Key(
        study=study.name,
        seconds=study.seconds,
        condition=condition,
        questions=drawn.questions,
        samples=sets["samples"].info.provenance() | {"digest": digest_folder(samples_folder)},
        rival=sets["rival"].info.provenance() | {"digest": digest_folder(rival_folder)},
        reference={"dataset": dataset.name, "split": study.split, "count": len(common), "digest": dataset.digest},
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_page(folder, key, list(map(shown, drawn.questions)), list(map(shown, drawn.practice)))
    key.write(folder)
    return folder


def _same_conditions(
    study: UserStudy, dataset: PreparedDataset, samples: SampleSet, rival: SampleSet
) -> dict[str, object]:
    """The condition of both sets, which must be made alike of images of one split."""
    conditions = []
    for name, made in ((study.samples, samples), (study.rival, rival)):
        info = made.info
        if (info.dataset, info.split) != (study.dataset, study.split):
            raise InputError(
                f"user_studies.{study.name}: {name!r} has conditions of {info.dataset}/{info.split}, not of "
                f"{study.dataset}/{study.split}"
            )
        if info.image_size != dataset.image_size:
            raise InputError(
                f"user_studies.{study.name}: images of {name!r} have {info.image_size} pixels, those of "
                f"{dataset.name!r} {dataset.image_size}: people would know them by their size"
            )
        conditions.append(condition_of(info))
    if conditions[0] != conditions[1]:
        raise InputError(
            f"user_studies.{study.name}: {study.samples!r} and {study.rival!r} were made from different conditions: "
            f"{conditions[0]} and {conditions[1]}"
        )
    return conditions[0]


def _first_places(made: SampleSet) -> dict[str, int]:
    """Where the first sample of each condition is."""
    return {name: place for place, name in reversed(list(enumerate(made.conditions)))}


def _true_image(truth: Truth, place: int) -> Pixels:
    return truth.pixels(np.array([place]))[0]
