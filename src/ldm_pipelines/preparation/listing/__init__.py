"""Which images a source has, without reading them: files, containers, and what a listing is made of."""
