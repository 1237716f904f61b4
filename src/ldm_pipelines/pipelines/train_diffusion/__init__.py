"""Latent diffusion models."""
