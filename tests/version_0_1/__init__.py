"""Faults of version 0.1.0 as they were reported; each test fails there."""
