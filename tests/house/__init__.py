"""The repository itself: structure, packaging, dependencies, texts that are executed."""
