"""The plotted figures of the paper, from stored results."""
