"""Quality along an axis, and what a model costs."""
