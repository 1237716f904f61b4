"""A model in the words of the paper's hyperparameter tables."""
