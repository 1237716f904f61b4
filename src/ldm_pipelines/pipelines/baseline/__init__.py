"""Sample sets made without a model."""
