"""Tables of measured runs: what their columns mean, how they are read, and the fit of a hardware profile to them."""
