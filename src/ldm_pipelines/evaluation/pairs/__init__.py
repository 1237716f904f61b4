"""Images compared one by one with those they were made from."""
