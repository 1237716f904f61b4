"""One process or several: who trains on how many devices."""
