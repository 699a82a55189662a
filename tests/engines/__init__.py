"""Evaluation, statistics, stores, suites, sweeps, long runs."""
