"""Latent diffusion (Rombach et al., CVPR 2022) as reproducible pipelines."""

__version__ = "0.1.0"
