"""Models as pipelines of diffusers."""
