"""The paper's rows with ours beside them."""
