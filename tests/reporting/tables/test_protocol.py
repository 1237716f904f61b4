"""A number of ours that was not measured as the paper's is marked with what differs, and not compared."""

import csv
import io
from typing import Any

import pytest
from support.results import PAPER, result, stored

from ldm_pipelines.reporting.pages.page import table_page
from ldm_pipelines.reporting.paper.loading import load_document
from ldm_pipelines.reporting.tables.build import build
from ldm_pipelines.reporting.tables.forms import csv_text, markdown
from ldm_pipelines.reporting.tables.latex import latex
from ldm_pipelines.reporting.tables.layout import RenderedTable
from ldm_pipelines.reporting.tables.spec import Row, Table
from ldm_pipelines.reporting.tables.terminal import terminal

METRICS = {"fid": 2.0, "is": 300.0, "is_std": 3.0, "precision": 0.9, "recall": 0.7, "psnr": 30.0, "ssim": 0.9}
INCEPTION = {"name": "inception", "kind": "inception_fidelity", "digest": "5e" * 32}
SAMPLES = {
    "name": "x", "dataset": "imagenet", "split": "validation", "image_size": 256, "count": 50_000, "digest": "12" * 32,
    "sampler": {"kind": "ddim", "steps": 250, "eta": 1.0}, "guidance_scale": 1.5, "classifier_guidance": None,
    "image_guidance": None, "class_balance": {"classes": 1000, "fewest": 50, "most": 50}, "n_params": 400_000_000,
}  # fmt: skip
IMAGENET = {"dataset": "imagenet", "split": "train", "count": 1_281_167, "image_size": 256,
            "resize": "bilinear_no_antialias", "digest": "ab" * 32}  # fmt: skip
PLACES = {"samples": {"dataset": "places365", "split": "test", "count": 30_000, "image_size": 512, "guidance_scale": 1.0},
          "reference": {"dataset": "places365", "split": "test", "count": 30_000, "image_size": 512},
          "feature_network": {"kind": "inception_cleanfid_legacy_pytorch"},
          "perceptual_network": {"name": "lpips", "kind": "lpips_vgg", "digest": "cc" * 32}}  # fmt: skip
"""As in Table 7."""


def measured(kind: str = "samples", metrics: dict[str, float] = METRICS, **changed: Any) -> dict[str, Any]:
    """A result by the protocol of Table 3, but for these facts by part of its provenance; None removes a part."""
    made = result(kind, "x", metrics, SAMPLES)
    provenance = made["provenance"] | {"feature_network": INCEPTION, "reference": IMAGENET}
    for part, facts in changed.items():
        provenance[part] = {key: v for key, v in ({**provenance.get(part, {}), **facts}).items() if v != "unrecorded"}
    return made | {"provenance": provenance}


def rendered(name: str, content: dict[str, Any], **row: Any) -> RenderedTable:
    table = Table(name=name, suite="samples", second_suite="samples", rows=(Row(result="x", **row),))
    return build(table, load_document(PAPER / f"{name}.yaml"), stored({"x": content}), study="gpu")


def marked(table: RenderedTable) -> dict[str, str]:
    """What is said of every number of ours that is marked, by column."""
    (line,) = [line for line in table.lines if line.ours]
    notes = {note.mark: note.text for note in table.footnotes}
    pairs = zip(table.headings, line.cells, strict=True)
    return {heading.key: " ".join(notes[mark] for mark in cell.marks) for heading, cell in pairs if cell.marks}


def bold(table: RenderedTable) -> set[str]:
    (line,) = [line for line in table.lines if line.ours]
    return {heading.key for heading, cell in zip(table.headings, line.cells, strict=True) if cell.best}


# --- what meets the protocol ------------------------------------------------------------------------------------------


def test_a_row_by_the_papers_protocol_is_not_marked_and_bold_where_it_is_best() -> None:
    table = rendered("table_03", measured(), method="LDM-4-G")
    assert marked(table) == {}
    assert bold(table) == {"fid", "is", "precision", "recall"}
    beaten = {
        h.key
        for line in table.lines
        if not line.ours
        for h, c in zip(table.headings, line.cells, strict=True)
        if c.best
    }
    assert beaten == {"n_params"}  # BigGAN-deep has fewer than ours, 400M


def test_a_row_by_the_papers_protocol_is_bold_only_where_it_is_best() -> None:
    assert bold(rendered("table_03", measured(metrics=METRICS | {"fid": 3.7}), method="LDM-4-G")) == {
        "is", "precision", "recall",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "row", "facts"),
    [
        (
            "table_01",
            {"method": "LDM-4 (500 DDIM steps)", "group": "CelebA-HQ"},
            {"reference": {"dataset": "celebahq", "count": 25_000},
             "samples": {"guidance_scale": 1.0, "class_balance": None, "sampler": {"kind": "ddim", "steps": 500, "eta": 0.0}}},
        ),
        (
            "table_02",
            {"method": "LDM-KL-8-G"},
            {"reference": {"dataset": "coco_captions", "split": "validation", "count": 30_000}, "samples": {"count": 30_000}},
        ),
        (
            "table_05",
            {"method": "LDM-4 (100 steps)"},
            {"reference": {"split": "validation", "count": 50_000},
             "samples": {"guidance_scale": 1.0, "sampler": {"kind": "ddim", "steps": 100, "eta": 1.0}}},
        ),
        ("table_07", {"method": "LDM-4 (w/ attn)"}, PLACES),
        (
            "table_10",
            {"method": "LDM-8-G", "where": {"train_steps": 4800000}},
            {"samples": {"guidance_scale": 1.0, "classifier_guidance": {"classifier": "c", "scale": 10.0},
                         "sampler": {"kind": "ddim", "steps": 200, "eta": 1.0}}},
        ),
    ],
)  # fmt: skip
def test_the_papers_protocol_can_be_met_in_other_tables_too(
    name: str, row: dict[str, Any], facts: dict[str, Any]
) -> None:
    counted = {"table_02": "transformer", "table_05": "first stage", "table_10": "classifier"}
    sizes = {"n_params": f"the denoiser alone (with the {counted[name]})."} if name in counted else {}
    assert marked(rendered(name, measured(**facts), **row)) == sizes


def test_a_size_is_marked_only_where_the_paper_counts_more_than_the_denoiser() -> None:
    plain = rendered("table_10", measured(), method="LDM-8", where={"train_steps": 4800000})
    assert "n_params" not in marked(plain)
    others = rendered("table_05", measured(), method="SR3")
    assert "n_params" not in marked(others)


def test_reconstructions_of_the_validation_images_meet_the_protocol_of_table_8() -> None:
    metrics = {"psnr": 40.0, "psnr_std": 1.0, "ssim": 0.99, "psim": 0.1, "r_fid": 0.05, "r_is": 240.0}
    facts = {"reference": {"split": "validation", "count": 50_000}}
    unknown = rendered("table_08", measured("reconstruction", metrics, **facts), method="KL-f4-c3")
    assert marked(unknown) == {"psim": "network of the distance not recorded (unweighted VGG)."}
    assert bold(unknown) == {"r_fid", "r_is", "psnr", "ssim"}
    trained = facts | {"perceptual_network": {"name": "photos_classifier", "kind": "classifier"}}
    of_a_study = rendered("table_08", measured("reconstruction", metrics, **trained), method="KL-f4-c3")
    assert marked(of_a_study) == {"psim": "distance by photos_classifier (unweighted VGG)."}
    as_printed = facts | {"perceptual_network": {"name": "psim", "kind": "psim_vgg"}}
    table = rendered("table_08", measured("reconstruction", metrics, **as_printed), method="KL-f4-c3")
    assert (marked(table), bold(table)) == ({}, {"r_fid", "r_is", "psnr", "psim", "ssim"})


# --- what does not ----------------------------------------------------------------------------------------------------

ALL = ("fid", "is", "precision", "recall")
WITH_FIRST_STAGE = "the denoiser alone (with the first stage)."


@pytest.mark.parametrize(
    ("facts", "note", "columns"),
    [
        ({"samples": {"count": 5000}}, "5,000 samples (50,000).", ALL),
        ({"samples": {"count": "unrecorded"}}, "number of samples not recorded (50,000).", ALL),
        ({"samples": {"image_size": 64}}, "64 px (256).", ALL),
        ({"samples": {"class_balance": {"classes": 1, "fewest": 50_000, "most": 50_000}}}, "samples of 1 class (1,000).", ALL),
        ({"samples": {"class_balance": {"classes": 1000, "fewest": 31, "most": 68}}}, "31 to 68 samples of a class (equally many).", ALL),
        ({"samples": {"class_balance": None}}, "classes of the samples not recorded (1,000).", ALL),
        ({"samples": {"sampler": {"kind": "plms", "steps": 250}}}, "PLMS (DDIM).", ALL),
        ({"samples": {"sampler": {"kind": "ddim", "steps": 50, "eta": 1.0}}}, "50 steps (250).", ALL),
        ({"samples": {"sampler": None}}, "sampler not recorded (DDIM).", ALL),
        ({"samples": {"guidance_scale": 3.0}}, "guidance scale 3 (1.5).", ALL),
        ({"samples": {"classifier_guidance": {"classifier": "c", "scale": 2.0}}}, "classifier's guidance 2 (none).", ALL),
        ({"reference": {"dataset": "digits"}}, "images of digits (ImageNet).", ALL),
        ({"reference": {"split": "validation"}}, "validation split (train).", ALL),
        ({"reference": {"count": 500}}, "500 real images (the whole split).", ALL),
        ({"reference": {"resize": "box"}}, "resized by box (bilinear no antialias).", ALL),
        ({"feature_network": {"kind": "inception_cleanfid"}}, "features of inception cleanfid (torch-fidelity's Inception).", ALL),
        ({"feature_network": {"kind": "unrecorded"}}, "network of the features not recorded (torch-fidelity's Inception).", ALL),
        ({"protocol": {"neighbours": 5}}, "k = 5 (3).", ("precision", "recall")),
        ({"protocol": {"is_splits": 1}}, "splits of IS: 1 (10).", ("is",)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_breaks_the_protocol_marks_the_numbers_that_it_concerns_and_these_are_never_bold(
    facts: dict[str, Any], note: str, columns: tuple[str, ...]
) -> None:
    table = rendered("table_03", measured(**facts), method="LDM-4-G")
    assert marked(table) == dict.fromkeys(columns, note)
    assert bold(table) == set(ALL) - set(columns)


def test_another_split_and_size_mark_all_of_table_7_and_another_distance_its_distances() -> None:
    content = measured(metrics={"fid": 1.0, "lpips": 0.1}, **PLACES)
    alex = content["provenance"]["perceptual_network"] | {"kind": "lpips_alex"}
    distance = rendered("table_07", measured(metrics={"fid": 1.0, "lpips": 0.1}, **PLACES | {"perceptual_network": alex}),
                        method="LDM-4 (w/ attn)")  # fmt: skip
    assert marked(distance) == {"lpips_all": "distance by LPIPS with AlexNet (LPIPS with VGG)."}
    assert bold(distance) == {"fid_all"}
    elsewhere = PLACES | {
        part: PLACES[part] | {"split": "train", "image_size": 256} for part in ("samples", "reference")
    }
    table = rendered("table_07", measured(metrics={"fid": 1.0, "lpips": 0.1}, **elsewhere), method="LDM-4 (w/ attn)")
    assert marked(table) == dict.fromkeys(("fid_all", "lpips_all"), "train split (test); 256 px (512).")


def test_table_5_wants_every_image_of_the_split_at_its_size() -> None:
    facts = {"reference": {"split": "validation", "count": 50_000},
             "samples": {"count": 100, "image_size": 64, "sampler": {"kind": "ddim", "steps": 100}, "guidance_scale": 1.0}}  # fmt: skip
    note = "64 px (256); 100 samples (the whole split: 50,000)."
    found = marked(rendered("table_05", measured(**facts), method="LDM-4 (100 steps)"))
    assert found == dict.fromkeys(("fid_val", "is", "psnr", "ssim"), note) | {"n_params": WITH_FIRST_STAGE}


def test_what_concerns_different_cells_has_different_letters_and_what_rows_share_has_one() -> None:
    """Features of a study's network concern FID and IS, its small images PSNR and SSIM too."""
    facts = {"feature_network": {"name": "photos_classifier", "kind": "classifier"},
             "reference": {"dataset": "photos", "split": "test", "count": 759, "image_size": 32},
             "samples": {"dataset": "photos", "split": "test", "count": 759, "image_size": 32, "guidance_scale": 1.0,
                         "sampler": {"kind": "ddim", "steps": 100}}}  # fmt: skip
    table = Table(name="table_05", suite="samples", second_suite="samples", rows=tuple(
        Row(method="LDM-4 (100 steps)", label=label, result="x") for label in ("one", "two")))  # fmt: skip
    built = build(table, load_document(PAPER / "table_05.yaml"), stored({"x": measured(**facts)}))
    for line in (line for line in built.lines if line.ours):
        letters = {h.key: "".join(cell.marks) for h, cell in zip(built.headings, line.cells, strict=True)}
        assert letters == {"fid": "", "fid_val": "ab", "fid_train": "", "is": "ab", "psnr": "a", "ssim": "a",
                           "n_params": "c", "samples_per_s": ""}  # fmt: skip
    assert [note.text for note in built.footnotes if not note.source] == [
        "images of photos (ImageNet); 32 px (256).",
        "features of photos_classifier (torch-fidelity's Inception).",
        WITH_FIRST_STAGE,
    ]


def test_where_the_paper_does_not_state_its_network_no_fid_is_compared() -> None:
    facts = {"reference": {"dataset": "places", "split": "validation", "count": 36_500}, "samples": {"count": 2000}}
    table = rendered("table_06", measured(metrics={"fid": 1.0}, **facts), method="LDM-4 (VQ, w/ attn)")
    features = "features of torch-fidelity's Inception (not stated)"
    assert marked(table)["fid_2k_epoch6"] == f"{features}; epochs of training not recorded (6)."
    assert bold(table) == set()


@pytest.mark.parametrize(
    ("model", "steps", "note"),
    [
        ("painter", 1200, "4.8 epochs (6)."),
        ("painter", 1491, None),
        ("another", 1200, "epochs of training not recorded (6)."),
    ],
)
def test_how_long_a_model_was_trained_is_held_against_the_paper(model: str, steps: int, note: str | None) -> None:
    """The time of a step was measured of a model of the same parameters: it knows batch and images of an epoch."""
    facts = {"reference": {"dataset": "places", "split": "validation", "count": 36_500},
             "samples": {"count": 2000, "ldm": "painter"}}  # fmt: skip
    speed = {
        "kind": "throughput", "name": "x", "metrics": {"samples_per_s": 1.0}, "provenance": {
            "ldm": {"name": model, "training_steps": steps, "batch_size": 16}, "protocol": {"images_of_an_epoch": 3975},
        },
    }  # fmt: skip
    rows = (Row(method="LDM-4 (VQ, w/ attn)", result="x", throughput="x"),)
    results = stored({"x": measured(metrics={"fid": 1.0}, **facts)}) | stored({"x": speed}, kind="throughput")
    table = Table(name="table_06", suite="samples", second_suite="samples", rows=rows)
    built = build(table, load_document(PAPER / "table_06.yaml"), results)
    said = marked(built)["fid_2k_epoch6"].removeprefix("features of torch-fidelity's Inception (not stated)")
    assert said == (f"; {note}" if note else ".")


def test_a_metric_that_is_not_the_columns_own_is_said() -> None:
    content = measured(metrics=METRICS | {"fid_infinity": 1.5})
    table = rendered("table_03", content, method="LDM-4-G", columns={"fid": "fid_infinity"})
    assert marked(table) == {"fid": "fid_infinity (fid)."}
    assert "fid" not in bold(table)


def test_guiding_by_the_image_is_held_against_the_row() -> None:
    facts = {"reference": {"split": "validation", "count": 50_000},
             "samples": {"guidance_scale": 1.0, "image_guidance": {"scale": 1.0}, "sampler": {"kind": "ddim", "steps": 50}}}  # fmt: skip
    guided = rendered("table_05", measured(**facts), method="LDM-4 (50 steps, guiding)")
    assert marked(guided) == {"n_params": WITH_FIRST_STAGE}
    plain = rendered("table_11", measured(**facts), method="LDM-4 (100 steps)")
    assert marked(plain)["psnr"] == "50 steps (100); guided by the image (not guided)."


def test_what_guided_the_samples_is_named_where_it_says_what_a_row_rests_on() -> None:
    facts = {"classifier_guidance": {"classifier": "noisy", "scale": 2.0}, "image_guidance": {"scale": 1.0}}
    table = rendered("table_03", measured(samples=facts), method="LDM-4-G")
    (note,) = [note.text for note in table.footnotes if note.source]
    by_image = "guided by the low-resolution image, scale 1"
    assert f"guidance scale 1.5; guided by the classifier 'noisy', scale 2; {by_image}; 50,000 images" in note
    assert "guided by" not in markdown(rendered("table_03", measured(), method="LDM-4-G"))


# --- in every form ----------------------------------------------------------------------------------------------------


def test_the_letter_stands_at_the_number_in_every_form() -> None:
    table = rendered("table_03", measured(protocol={"neighbours": 5}), method="LDM-4-G")
    text = markdown(table)
    assert "| **2.00** | **300.00** ± 3.00 | 0.90 <sup>a</sup> | 0.70 <sup>a</sup> | 400M |" in text
    assert "<sup>a</sup> k = 5 (3)." in text
    assert r"0.90\rlap{\textsuperscript{a}} & 0.70\rlap{\textsuperscript{a}}" in latex(table)
    page = table_page(table)
    assert page.count('<a href="#table_03-a" aria-label="footnote a">a</a>') == 2
    assert '<div id="table_03-a"><dt>a</dt><dd>k = 5 (3).</dd></div>' in page
    assert any(
        line.split()[-6:] == ["300.00±3.00*", "0.90", "a", "0.70", "a", "400M"] for line in terminal(table).splitlines()
    )
    rows = [row for row in csv.DictReader(io.StringIO(csv_text(table))) if row["origin"] == "ours"]
    assert {row["metric"]: row["protocol"] for row in rows} == {
        "fid": "", "is": "", "precision": "k = 5 (3)", "recall": "k = 5 (3)", "n_params": "",
    }  # fmt: skip
    assert {row["metric"] for row in rows if row["differs"] == "true"} == {"precision", "recall"}


def test_what_rows_rest_on_is_folded_up_in_markdown_below_what_must_be_known() -> None:
    text = markdown(rendered("table_03", measured(protocol={"neighbours": 5}), method="LDM-4-G"))
    shown, _, folded = text.partition("<details><summary>What rows of ours rest on</summary>\n\n")
    assert "k = 5" in shown
    assert "Stored as" not in shown
    assert folded.startswith("<sup>1</sup> Samples x/validation")
    assert folded.endswith("</details>\n")
