"""Shares and their intervals. All answers here are made up."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from user_study.conftest import STUDY

from ldm_pipelines.compute import Compute
from ldm_pipelines.pipelines.user_study.nodes import read_preference
from ldm_pipelines.user_study.intervals import bootstrap_participants, wilson
from ldm_pipelines.user_study.preference import measure_preference
from ldm_pipelines.user_study.questions import Key, Question

Prefers = Callable[[Question], str]


@pytest.fixture
def answered(tmp_path: Path, key: Key) -> Callable[[str, Prefers], Path]:
    """``answered(participant, prefers)``: a file of someone who prefers these sides; returns the folder."""

    def write(participant: str, prefers: Prefers) -> Path:
        answers = [
            {"position": place, "question": question.id, "shown_ms": 50, "response_ms": 1000 * place, "views": 1,
             "choice": "left" if prefers(question) == question.left else "right"}
            for place, question in enumerate(key.questions, start=1)
        ]  # fmt: skip
        content = {"study": key.study, "key": key.digest, "participant": participant, "answers": answers}
        (tmp_path / f"{participant}.json").write_text(json.dumps(content))
        return tmp_path

    return write


def first_of(*order: str) -> Prefers:
    return lambda question: next(side for side in order if side in (question.left, question.right))


def shares(result: dict[str, Any], name: str) -> list[float]:
    return [result["metrics"][f"{name}{part}"] for part in ("", "_low", "_high")]


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilsons_interval_is_scipys(counts: tuple[int, int]) -> None:
    chosen, answers = counts
    expected = binomtest(chosen, answers).proportion_ci(0.95, method="wilson")
    assert wilson(chosen, answers) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_bootstrap_over_participants_has_the_spread_of_their_shares() -> None:
    rng = np.random.default_rng(0)
    rates = rng.uniform(0.2, 0.8, size=400)
    chosen = rng.binomial(50, rates)
    low, high = bootstrap_participants(chosen, np.full(400, 50))
    error = (chosen / 50).std(ddof=1) / np.sqrt(400)
    assert (low + high) / 2 == pytest.approx(chosen.mean() / 50, abs=0.2 * error)
    assert (high - low) / (2 * 1.96) == pytest.approx(error, rel=0.05)
    assert high - low > 1.5 * np.diff(wilson(int(chosen.sum()), 400 * 50))[0]  # people differ: Wilson is too short


def test_a_participant_with_more_answers_weighs_more() -> None:
    low, high = bootstrap_participants([0] * 50 + [90] * 50, [10] * 50 + [90] * 50)
    assert low < 0.9 < high
    assert low > 0.8


def test_nobody_has_answered_so_nothing_is_claimed(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "01_raw" / "user_study" / "sharper"
    for side, name in (("samples", "sharper"), ("rival", "sharper_rival")):
        result = measure_preference(STUDY, made, folder, side)
        assert (result["kind"], result["name"]) == ("preference", name)
        counts = {"answers": 0, "participants": 0}
        assert {metric: value for metric, value in result["metrics"].items() if value is not None} == counts
        status = "not run: no answers in data/01_raw/user_study/sharper"
        assert result["provenance"]["protocol"]["status"] == status


def test_shares_are_those_of_the_side_that_was_chosen_wherever_it_lay(
    answered: Callable[[str, Prefers], Path], made: Path
) -> None:
    folder = answered("00000001", first_of("samples", "truth", "rival"))
    ours, rival = (measure_preference(STUDY, made, folder, side) for side in ("samples", "rival"))
    wilsons = binomtest(4, 4).proportion_ci(method="wilson")
    for name in ("preference_vs_gt_pct", "preference_score_pct"):
        assert shares(ours, name) == pytest.approx([100, 100 * wilsons.low, 100])
        assert shares(rival, name) == pytest.approx([0, 0, 100 * (1 - wilsons.low)])
    assert "Wilson's, of 4 answers of one participant" in ours["provenance"]["protocol"]["preference_score_pct"]
    assert ours["metrics"]["answers"] == rival["metrics"]["answers"] == 8  # four of each of its two comparisons
    assert ours["metrics"]["participants"] == 1
    assert 1 <= ours["metrics"]["median_answer_s"] <= 12
    assert "status" not in ours["provenance"]["protocol"]
    assert ours["provenance"]["samples"]["name"] == rival["provenance"]["rival"]["name"] == "our_samples"


def test_several_participants_are_resampled_whole(answered: Callable[[str, Prefers], Path], made: Path) -> None:
    answered("00000001", first_of("truth", "samples", "rival"))
    answered("00000002", first_of("truth", "samples", "rival"))
    folder = answered("00000003", first_of("rival", "truth", "samples"))
    ours = measure_preference(STUDY, made, folder, "samples")
    rival = measure_preference(STUDY, made, folder, "rival")
    share, low, high = shares(ours, "preference_score_pct")
    assert share == pytest.approx(100 * 2 / 3)
    assert (low, high) == (0, 100)  # three people who do not agree
    assert shares(rival, "preference_score_pct") == pytest.approx([100 - share, 100 - high, 100 - low])
    assert shares(ours, "preference_vs_gt_pct")[0] == 0
    assert shares(ours, "preference_vs_gt_pct")[2] > 20  # all agree, yet the interval is not empty
    assert shares(rival, "preference_vs_gt_pct")[0] == pytest.approx(100 / 3)
    assert "bootstrap over 3 participants" in ours["provenance"]["protocol"]["preference_score_pct"]
    assert ours["metrics"]["participants"] == 3


def test_answers_are_read_where_dvc_looks_for_them_wherever_raw_data_lie(
    answered: Callable[[str, Prefers], Path], made: Path, tmp_path: Path
) -> None:
    folder = answered("00000001", first_of("samples", "truth", "rival"))
    watched = tmp_path / "data" / "01_raw" / "user_study" / STUDY.name
    watched.mkdir(parents=True)
    (folder / "00000001.json").rename(watched / "00000001.json")
    compute = Compute(raw_dir=tmp_path / "elsewhere").under(tmp_path)
    assert read_preference(STUDY, made, compute)["metrics"]["answers"] == 8
