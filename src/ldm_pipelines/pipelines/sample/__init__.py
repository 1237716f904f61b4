"""Sample sets."""
