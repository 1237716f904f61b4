"""SSIM by an independent source."""

import numpy as np
from skimage.metrics import structural_similarity


def zero_padded_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """scikit-image on a wide black border, averaged over the image alone: the paper's zero padding."""
    padded = [np.pad(image / 255, ((20, 20), (20, 20), (0, 0))) for image in (a, b)]
    settings = {"data_range": 1, "channel_axis": 2, "gaussian_weights": True, "sigma": 1.5, "full": True}
    _, similarity = structural_similarity(*padded, **settings, use_sample_covariance=False)
    return float(similarity[20:-20, 20:-20].mean())
