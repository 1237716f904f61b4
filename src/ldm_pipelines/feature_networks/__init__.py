"""Networks whose features measure images: perceptual distances, FID, IS, precision and recall."""
