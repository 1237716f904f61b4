"""Names of parameters: ours and those of the original code, one to one. One file per family."""
