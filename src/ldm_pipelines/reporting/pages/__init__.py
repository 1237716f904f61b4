"""Self-contained pages: tables, pictures and key figures of a study."""
