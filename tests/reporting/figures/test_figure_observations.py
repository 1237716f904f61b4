"""What is said of a figure, held against what the paper finds."""

from collections.abc import Callable
from typing import Any

from support.figure_results import STEP_SECONDS

from ldm_pipelines.reporting.figures.figure_file import FigureFile

Make = Callable[..., FigureFile]

Results = dict[str, dict[str, Any]]


def texts(make: Make, kind: str, **changes: Any) -> list[tuple[bool | None, str]]:
    return [(each.agrees, each.text) for each in make(kind, **changes).observations]


def last_fid(results: Results, f: int, value: float) -> None:
    results[f"analysis/digits_f{f}_training"]["points"][-1]["metrics"]["fid"] = value


def test_what_the_paper_finds_too_is_said_with_the_numbers(make: Make) -> None:
    assert texts(make, "training_steps") == [
        (True, "FID after 1,000 training steps is best with LDM-8 (0.31; LDM-1: 2.5, LDM-2: 1.4, LDM-4: 0.41, "
               "LDM-16: 0.9); the paper agrees (LDM-4, LDM-8 and LDM-16 ahead of all others)."),
        (True, "FID of LDM-1 (2.5) is 2.19 above that of LDM-8 (0.31) after 1,000 training steps; the paper finds it "
               "38 above after 2M steps."),
    ]  # fmt: skip


def test_pixels_winning_contradicts_the_paper_twice(make: Make, results: Results) -> None:
    last_fid(results, 1, 0.11)
    assert texts(make, "training_steps") == [
        (False, "FID after 1,000 training steps is best with LDM-1 (0.11; LDM-2: 1.4, LDM-4: 0.41, LDM-8: 0.31, "
                "LDM-16: 0.9); the paper finds LDM-4, LDM-8 and LDM-16 ahead of all others, here LDM-4 is behind LDM-1, "
                "LDM-8 is behind LDM-1, LDM-16 is behind LDM-1."),
        (False, "FID of LDM-1 (0.11) is 0.2 below that of LDM-8 (0.31) after 1,000 training steps; the paper finds it "
                "38 above after 2M steps."),
    ]  # fmt: skip


def test_every_model_that_the_paper_finds_good_is_held_against_the_others(make: Make, results: Results) -> None:
    last_fid(results, 16, 2.2)
    agrees, text = texts(make, "training_steps")[0]
    assert agrees is False
    assert text.startswith("FID after 1,000 training steps is best with LDM-8 (0.31; ")
    assert text.endswith("LDM-8 and LDM-16 ahead of all others, here LDM-16 is behind LDM-2.")


def test_without_the_others_nothing_is_said_of_the_paper(make: Make, results: Results) -> None:
    for f in (1, 2):
        del results[f"analysis/digits_f{f}_training"]
    ((agrees, text),) = texts(make, "training_steps")
    assert agrees is None
    assert text.endswith("LDM-16: 0.9).")


def test_lines_are_compared_at_the_last_step_that_all_have(make: Make, results: Results) -> None:
    del results["analysis/digits_f4_training"]["points"][-1]
    assert texts(make, "training_steps")[0][1].startswith("FID after 300 training steps is best with LDM-8 (1.6; ")
    results["analysis/digits_f4_training"]["points"] = [{"value": 7, "metrics": {"fid": 1.0, "is": 2.0}}]
    assert texts(make, "training_steps") == []


def test_device_time_is_compared_at_the_end_of_the_shortest_training(make: Make) -> None:
    assert STEP_SECONDS[16] * 1000 == 60
    assert texts(make, "device_days") == [
        (None, "FID within 1 device-minute is best with LDM-16 (0.9; LDM-2: 22, LDM-4: 2.2, LDM-8: 1.6); not measured "
               "so early: LDM-1."),
    ]  # fmt: skip


def test_another_slowest_model_and_another_best_contradict_the_paper(make: Make, results: Results) -> None:
    for point in results["throughput/digits_class_f16"]["points"]:
        point["metrics"]["samples_per_s"] = 0.01
    for point in results["analysis/digits_f16_sampling"]["points"]:
        point["metrics"]["fid"] = 0.1
    assert texts(make, "throughput") == [
        (False, "The best FID, at whichever number of sampler steps, is reached with LDM-16 (0.1; LDM-1: 2.75, "
                "LDM-2: 1.54, LDM-4: 0.451, LDM-8: 0.341); the paper finds LDM-4 and LDM-8 ahead of all others, here LDM-4 "
                "is behind LDM-16, LDM-8 is behind LDM-16."),
        (False, "Sampling in 200 steps is slowest with LDM-16 (0.01 samples/s; LDM-1: 0.2, LDM-2: 0.4, LDM-4: 0.8, "
                "LDM-8: 1.6); the paper finds LDM-1 slowest."),
    ]  # fmt: skip


def test_without_the_papers_slowest_model_nothing_is_said_of_the_paper(make: Make, results: Results) -> None:
    del results["throughput/digits_class_f1"]
    agrees, text = texts(make, "throughput")[1]
    assert agrees is None
    assert text.endswith("LDM-16: 3.2).")


def test_one_line_alone_is_compared_with_nothing(make: Make, results: Results) -> None:
    for f in (1, 2, 4, 8):
        del results[f"analysis/digits_f{f}_training"]
    assert texts(make, "training_steps") == []


def test_first_stages_in_the_papers_order_agree(make: Make) -> None:
    said = texts(make, "rate_distortion")
    assert said[0] == (
        True, "PSNR of KL falls with f (39.5 dB at f = 2, 38.3 dB at f = 4, 29.2 dB at f = 8); in the paper too."
    )  # fmt: skip
    assert (True, "R-FID at f = 4 is better with KL (KL 0.0024, VQ 0.024); the paper agrees (KL better).") in said
    assert len(said) == 2 + 2 * 3
    assert all(agrees for agrees, _ in said)


def test_every_first_stage_out_of_the_papers_order_is_named(make: Make, results: Results) -> None:
    results["autoencoder_zoo/digits_kl_f4"]["metrics"]["psnr"] = 20.0
    contradicting = [text for agrees, text in texts(make, "rate_distortion") if agrees is False]
    assert contradicting == [
        "PSNR of KL rises from f = 4 (20 dB) to f = 8 (29.2 dB); in the paper it falls.",
        "PSNR at f = 4 is better with VQ (KL 20 dB, VQ 29.3 dB); the paper finds KL better.",
    ]
