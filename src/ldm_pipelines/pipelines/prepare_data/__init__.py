"""Raw images to a checked dataset."""
