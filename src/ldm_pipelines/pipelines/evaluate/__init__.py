"""Metrics of sample sets and of reconstructions."""
