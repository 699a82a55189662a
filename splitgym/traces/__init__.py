"""What nature does: fading and arrival models, and the recorded or drawn :class:`Trace`."""
