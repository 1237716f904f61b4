"""The parameters of a study of one model, what DVC notes of it, and a figure as a plotting program leaves it."""

from typing import Any

DDIM = {"kind": "ddim", "steps": 50, "eta": 1.0}
EVALUATION = {"dataset": "digits", "feature_network": "net", "reference": "digits_train", "suite": "class_conditional"}
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
    "tables": {"table_03": {"rows": [{"method": "LDM-4", "result": "digits_ldm4"}]}, "table_08": {"rows": []}},
}  # fmt: skip
HASHES = {"train_diffusion@digits_class": {"data/06_models/ldms/digits_class": "0123abcd.dir"}}
FIGURE = """<?xml version="1.0"?><!DOCTYPE svg><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"
aria-labelledby="title"><metadata>http://elsewhere.invalid</metadata><style>* {color: red}</style><title id="title">t</title>
<defs><path id="dot" d="M0 0"/></defs><use href="#dot" clip-path="url(#dot)"/></svg>"""
