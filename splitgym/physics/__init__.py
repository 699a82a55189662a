"""Formulas that every world shares, as jitted scalar functions: scalars in, scalars out, SI units."""
