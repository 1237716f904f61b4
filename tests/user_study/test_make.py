"""The page and the key: what is asked, and what the page does not give away."""

import base64
import json
import re
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from user_study.conftest import STUDY, Write

from ldm_pipelines.data.degradations import degrade
from ldm_pipelines.data.prepared import PreparedDataset
from ldm_pipelines.data.randomness import image_generator
from ldm_pipelines.data.spec import Degradation
from ldm_pipelines.errors import InputError
from ldm_pipelines.user_study.make import make_user_study
from ldm_pipelines.user_study.questions import Key, draw_questions

SHADES = {200: "samples", 100: "rival"}


@pytest.fixture(scope="module")
def page(made: Path) -> str:
    return (made / "index.html").read_text()


@pytest.fixture(scope="module")
def data(page: str) -> dict[str, Any]:
    """What the page's script reads."""
    (found,) = re.findall(r'<script type="application/json" id="study">(.*?)</script>', page, re.DOTALL)
    return json.loads(found)


def pixels(uri: str) -> np.ndarray:
    content = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(BytesIO(content)))


def shown(uri: str) -> str:
    image = pixels(uri)
    return SHADES.get(int(image[0, 0, 0]), "truth") if np.ptp(image) == 0 else "truth"


def test_the_key_says_what_the_page_shows_on_each_side(data: dict[str, Any], key: Key) -> None:
    assert [question["id"] for question in data["questions"]] == [question.id for question in key.questions]
    for on_page, question in zip(data["questions"], key.questions, strict=True):
        assert (shown(on_page["left"]), shown(on_page["right"])) == (question.left, question.right)


def test_the_condition_is_the_one_that_the_samples_have(data: dict[str, Any], key: Key, dataset: Path) -> None:
    split = PreparedDataset(dataset).split("test")
    for on_page, question in zip(data["questions"], key.questions, strict=True):
        truth = split.pixels(np.array([split.ids.index(question.image)]))[0]
        degradation = Degradation.model_validate(key.condition["parameters"])
        expected = degrade(truth, degradation, image_generator("low_res", question.image))
        assert (pixels(on_page["condition"]) == expected).all()
        for side in ("left", "right"):
            assert getattr(question, side) != "truth" or (pixels(on_page[side]) == truth).all()


def test_neither_names_nor_the_key_are_in_the_page(page: str, data: dict[str, Any], key: Key) -> None:
    words = re.sub(r"data:image/png;base64,[\w+/=]+", "", page).lower()
    for name in (STUDY.samples, STUDY.rival, "rival", "truth", "ldm", *(question.image for question in key.questions)):
        assert name not in words
    assert all(set(question) == {"id", "condition", "left", "right"} for question in data["questions"])
    assert data["key"] == key.digest


def test_sides_are_balanced_in_every_comparison_and_follow_the_seed_alone() -> None:
    images = [f"image{number}" for number in range(200)]
    study = STUDY.model_copy(update={"questions": 20})
    drawn = draw_questions(study, images, np.random.default_rng(5)).questions
    counts = Counter((question.left, question.right) for question in drawn)
    assert set(counts.values()) == {10}
    assert len(counts) == 6
    orders = {tuple((q.left, q.right) for q in drawn[start : start + 20]) for start in (0, 20, 40)}
    assert all(len({frozenset(pair) for pair in order}) == 3 for order in orders)  # comparisons are mixed
    assert drawn == draw_questions(study, images, np.random.default_rng(5)).questions
    assert drawn != draw_questions(study, images, np.random.default_rng(6)).questions


def test_no_image_is_asked_about_twice_not_even_in_practice() -> None:
    images = [f"image{number}" for number in range(STUDY.images_needed)]
    drawn = draw_questions(STUDY, images, np.random.default_rng(0))
    assert sorted(question.image for question in (*drawn.questions, *drawn.practice)) == sorted(images)
    with pytest.raises(InputError, match=r"questions = 4 needs 14 images .* have 13 in common; at most 3 questions"):
        draw_questions(STUDY, images[1:], np.random.default_rng(0))


def test_the_page_forbids_every_request_and_all_scripts_but_its_own(page: str) -> None:
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="(.*?)">', page)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "http:" not in page
    assert "https:" not in page
    assert "<noscript>" in page


def test_the_same_inputs_give_the_same_bytes_and_another_seed_another_key(
    made: Path, sets: tuple[Path, Path], dataset: Path, tmp_path: Path
) -> None:
    again = make_user_study(STUDY, *sets, dataset, tmp_path / "again")
    for name in ("index.html", "key.json"):
        assert (again / name).read_bytes() == (made / name).read_bytes()
    other = make_user_study(STUDY.model_copy(update={"seed": 1}), *sets, dataset, tmp_path / "other")
    assert Key.read(other).digest != Key.read(made).digest


def test_holes_are_hatched_and_known_pixels_shown(write_set: Write, dataset: Path, tmp_path: Path) -> None:
    filled = [write_set(name, shade, "mini_inpainting") for name, shade in (("a", 200), ("b", 100))]
    folder = make_user_study(STUDY, *filled, dataset, tmp_path / "holes")
    text = (folder / "index.html").read_text()
    assert "striped hole" in text
    data = json.loads(re.findall(r'id="study">(.*?)</script>', text, re.DOTALL)[0])
    split = PreparedDataset(dataset).split("test")
    for on_page, question in zip(data["questions"], Key.read(folder).questions, strict=True):
        truth = split.pixels(np.array([split.ids.index(question.image)]))[0]
        kept = (pixels(on_page["condition"]) == truth).all(axis=2).mean()
        assert 0.3 < kept < 1


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"split": "train"}, r"'bicubic_rival' has conditions of digits/train, not of digits/test"),
        ({"conditioning": "low_res_bsr"}, "were made from different conditions"),
        ({"conditioning": "mini_inpainting"}, "were made from different conditions"),
        ({"conditioning": "semantic_map"}, "have semantic conditions; a user study shows low_res or inpainting ones"),
        ({"dataset_digest": "0" * 64}, "have conditions of another version of 'digits'"),
    ],
)
def test_sets_that_cannot_be_compared_are_refused(
    facts: dict[str, str], message: str, sets: tuple[Path, Path], write_set: Write, dataset: Path, tmp_path: Path
) -> None:
    rival = write_set("bicubic_rival", 100, **facts)
    with pytest.raises(InputError, match=message):
        make_user_study(STUDY, sets[0], rival, dataset, tmp_path / "study")


def test_a_damaged_key_names_the_command_that_makes_it(made: Path, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text("{")
    with pytest.raises(InputError, match=r"kedro run --pipelines=make_user_study\."):
        Key.read(tmp_path)
