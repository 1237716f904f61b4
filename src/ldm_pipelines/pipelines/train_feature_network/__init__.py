"""The networks that measure images: trained here, or imported."""
