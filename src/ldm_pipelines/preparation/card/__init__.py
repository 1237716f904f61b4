"""The data card: what a prepared dataset holds, what is wrong with it, and what it looks like."""
