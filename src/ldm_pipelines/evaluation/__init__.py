"""Metrics of image sets and of reconstructions."""
