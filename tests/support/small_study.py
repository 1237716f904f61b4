"""The parameters of a study of one model, what DVC notes of it, and a figure as a plotting program leaves it."""

from typing import Any

from ldm_pipelines.reporting.figures.style import INK

DDIM = {"kind": "ddim", "steps": 50, "eta": 1.0}
EVALUATION = {"dataset": "digits", "feature_network": "net", "reference": "digits_train", "suite": "samples"}
PARAMETERS: dict[str, Any] = {
    "study": "mini",
    "seed": 7,
    "selected": {"ldm": "digits_class", "table": "table_03"},
    "compute": {"device": "cpu"},
    "datasets": {"digits": {"image_size": 32}},
    "feature_networks": {"net": {"dataset": "digits"}},
    "autoencoders": {"kl_f4": {"dataset": "digits", "feature_network": "net", "training": {"steps": 400}}},
    "latents": {"digits_kl": {"dataset": "digits", "autoencoder": "kl_f4"}},
    "ldms": {
        "digits_class": {
            "latent": "digits_kl", "dataset": "digits", "autoencoder": "kl_f4", "conditioning": {"kind": "class"},
            "training": {"steps": 1000, "betas": [0.9, 0.99], "gradient_clip": None},
        }
    },
    "imports": {},
    "samples": {"digits_class": {"ldm": "digits_class", "autoencoder": "kl_f4", "dataset": "digits", "sampler": DDIM}},
    "references": {"digits_train": {"dataset": "digits", "feature_network": "net"}},
    "evaluations": {
        "digits_ldm4": {"samples": "digits_class", **EVALUATION},
        "digits_ldm4_g": {"samples": "digits_class", **EVALUATION},
    },
    "reconstructions": {"not_run": {"autoencoder": "kl_f4", "dataset": "digits", "suite": "autoencoder_zoo"}},
    "sweeps": {"over_steps": {"ldm": "digits_class", "suite": "analysis"}},
    "throughputs": {"digits_ldm4": {"ldm": "digits_class", "suite": "throughput"}},
    "user_studies": {"asked": {"samples": "digits_class", "rival": "digits_class", "suite": "user_study"}},
    "figures": {"rate": {"points": ["not_run"]}, "not_drawn": {"points": ["not_run"]}},
    "tables": {"table_03": {"rows": [{"method": "LDM-4", "result": "digits_ldm4"}]}, "table_08": {"rows": []},
               "table_04": {"rows": [{"method": "LaMa", "preference": "asked_rival", "columns": {"fid": "is"}}]},
               "table_05": {"rows": [{"method": "LDM-4", "result": "digits_ldm4", "also": ["digits_ldm4_g"]}]},
               "table_12": {"columns": {"celebahq_256": "digits_class"}}},
}  # fmt: skip
HASHES = {"train_diffusion@digits_class": {"data/06_models/ldms/digits_class": "0123abcd.dir"}}
FIGURE = f"""<?xml version="1.0"?><!DOCTYPE svg><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"
xmlns:xlink="http://www.w3.org/1999/xlink"><defs><style>* {{color: red}}</style><path id="dot" d="M0 0"/></defs>
<use xlink:href="#dot" clip-path="url(#dot)"/><text style="fill: {INK}">f</text></svg>"""
