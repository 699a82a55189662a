"""``splitgym bench``."""
