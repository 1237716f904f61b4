"""The plotted figures of the paper, drawn from stored results."""
