"""Metrics as functions of features: arrays in, numbers out; no images, networks or files."""
