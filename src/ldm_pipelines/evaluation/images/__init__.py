"""Images to measure, and statistics to measure them against, from anywhere."""
