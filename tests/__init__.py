"""Test suite of splitgym."""
