"""Whether the numbers in the tables still follow from the code, the parameters and the data that are here."""
