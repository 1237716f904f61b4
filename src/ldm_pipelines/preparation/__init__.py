"""From raw images, wherever they come from, to a prepared dataset."""
