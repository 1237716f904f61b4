"""Classifiers on noisy latents."""
