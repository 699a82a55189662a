"""Code of one's own, known by its source."""
