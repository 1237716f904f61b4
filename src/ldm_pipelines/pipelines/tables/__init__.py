"""Tables of the paper and the report, from stored metrics."""
