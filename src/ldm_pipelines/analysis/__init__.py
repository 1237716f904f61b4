"""What compression trades: quality over training and over sampling steps, and what both cost (Sec. 4.1)."""
