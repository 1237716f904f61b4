"""Models of the original code."""
