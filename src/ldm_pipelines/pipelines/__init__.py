"""One Kedro pipeline per entity: thin nodes and their wiring."""
