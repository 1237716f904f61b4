"""Parameters: Hydra composes them, params.yaml stores them, pydantic checks them, Kedro reads them."""
