"""Logs of channels and arrivals: what is understood, what is refused."""
