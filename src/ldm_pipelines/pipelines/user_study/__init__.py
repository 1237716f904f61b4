"""User studies: the page that asks, and what the answers say."""
