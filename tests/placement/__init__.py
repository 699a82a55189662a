"""Plans for early-exit networks on a graph: FIN, its rivals, instances."""
