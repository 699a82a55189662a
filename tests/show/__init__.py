"""Texts, pictures and the report."""
