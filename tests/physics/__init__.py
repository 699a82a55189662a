"""Formulas and random processes."""
