"""What every training run shares: data order, randomness, checkpoints, exact resume."""
