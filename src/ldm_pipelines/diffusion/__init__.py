"""Latent diffusion models: conditioning, schedule, training."""
