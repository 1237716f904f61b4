"""Latent diffusion models: conditioning, schedule, training, guidance, sampling."""
