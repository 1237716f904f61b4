"""MLflow: one hook, one Lightning logger, provenance."""
