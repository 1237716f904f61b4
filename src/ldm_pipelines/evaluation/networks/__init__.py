"""Networks that measure images: published ones, whose figures others can compare with, and a study's own."""
