"""Tables, figures and pages from stored metrics. No PyTorch here."""
