"""The latent cache: each dataset is encoded once and read many times."""
