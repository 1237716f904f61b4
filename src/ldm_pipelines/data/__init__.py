"""Image datasets: sources, preparation, manifest, reading."""
