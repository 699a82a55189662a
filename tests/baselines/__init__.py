"""The published methods and the other policies."""
