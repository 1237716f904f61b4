"""First stages: KL- and VQ-regularised autoencoders and their training objective."""
