"""The configuration files of the original code, read as our specs. Options without a counterpart are refused."""
