"""The published numbers: ``conf/paper`` as checked objects."""
