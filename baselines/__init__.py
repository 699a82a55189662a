"""Published controllers and simple benchmarks as policies; each module registers its own."""
