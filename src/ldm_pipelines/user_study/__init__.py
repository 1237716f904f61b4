"""User studies: which of two images people prefer. No PyTorch here."""
