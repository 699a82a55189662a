"""Environments: single, vector, parallel."""
