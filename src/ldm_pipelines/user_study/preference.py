"""What the answers say: how often a sample set was preferred over the truth, and over the other set."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Literal, NamedTuple

from ldm_pipelines.user_study.answers import Answer, read_answers
from ldm_pipelines.user_study.intervals import bootstrap_participants, wilson
from ldm_pipelines.user_study.questions import Key, Side
from ldm_pipelines.user_study.spec import COMPARISONS, UserStudy

Ours = Literal["samples", "rival"]
OTHER: dict[Ours, Ours] = {"samples": "rival", "rival": "samples"}


class Share(NamedTuple):
    """How often one was chosen, with the 95 % interval, in per cent; all None where nobody was asked."""

    value: float | None
    low: float | None
    high: float | None
    method: str


def measure_preference(study: UserStudy, made: Path, answers_folder: Path, side: Ours) -> dict[str, Any]:
    """The result of one of a study's two sample sets, from the answers in ``answers_folder``.

    ``made`` is the study's folder. Without answers there are no shares, and the protocol says so.

    Raises:
        InputError: as ``read_answers``.
    """
    key = Key.read(made)
    answers = read_answers(answers_folder, key)
    against_truth = _share(key, answers, side, "truth")
    against_other = _share(key, answers, side, OTHER[side])
    asked = [answer for answer in answers if side in _sides(key)[answer.question]]
    metrics = {
        **_named("preference_vs_gt_pct", against_truth),
        **_named("preference_score_pct", against_other),
        "answers": len(asked),
        "participants": len({answer.participant for answer in asked}),
        "median_answer_s": median(answer.response_ms for answer in asked) / 1000 if asked else None,
    }
    protocol: dict[str, Any] = {
        "paradigm": f"two-alternative forced choice; images shown for {key.seconds:g} s, then hidden",
        "preference_vs_gt_pct": f"chosen over the true image, the condition between them; {against_truth.method}",
        "preference_score_pct": f"chosen over the other set's, the condition between them; {against_other.method}",
        "questions_per_comparison": len(key.questions) // COMPARISONS,
        "shown_again": sum(answer.views > 1 for answer in asked),
    }
    if not answers:
        where = "/".join(answers_folder.parts[-4:])
        protocol = {"status": f"not run: no answers in {where}", **protocol}
    return {
        "kind": "preference",
        "name": study.name if side == "samples" else study.rival_result,
        "metrics": metrics,
        "provenance": {
            "samples": key.samples if side == "samples" else key.rival,
            "rival": key.rival if side == "samples" else key.samples,
            "reference": key.reference,
            "study": {"name": key.study, "key": key.digest, "condition": key.condition},
            "protocol": protocol,
        },
    }


def _sides(key: Key) -> dict[str, tuple[Side, Side]]:
    return {question.id: (question.left, question.right) for question in key.questions}


def _share(key: Key, answers: Sequence[Answer], side: Side, other: Side) -> Share:
    """Of the answers to questions between ``side`` and ``other``, how many chose ``side``."""
    sides = _sides(key)
    asked, chosen = Counter[str](), Counter[str]()
    for answer in answers:
        left, right = sides[answer.question]
        if {left, right} == {side, other}:
            asked[answer.participant] += 1
            chosen[answer.participant] += (left if answer.choice == "left" else right) == side
    if not asked:
        return Share(None, None, None, "no answers")
    total, taken = asked.total(), chosen.total()
    low, high = wilson(taken, total)
    method = f"95 % interval: Wilson's, of {total} answers of one participant"
    if len(asked) > 1:
        people = sorted(asked)
        drawn = bootstrap_participants([chosen[name] for name in people], [asked[name] for name in people])
        low, high = min(low, drawn[0]), max(high, drawn[1])
        method = (
            f"95 % interval: percentiles of a bootstrap over {len(asked)} participants, no narrower than Wilson's of "
            f"{total} answers"
        )
    return Share(100 * taken / total, 100 * low, 100 * high, method)


def _named(name: str, share: Share) -> dict[str, float | None]:
    return {name: share.value, f"{name}_low": share.low, f"{name}_high": share.high}
