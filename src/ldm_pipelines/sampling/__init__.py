"""Samplers, guidance, and the sets of images they draw."""
