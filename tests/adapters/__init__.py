"""Tests of what makes policies of the models of other libraries."""
