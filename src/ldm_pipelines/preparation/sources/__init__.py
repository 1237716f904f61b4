"""Where raw images come from: one module per source."""
