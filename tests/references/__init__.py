"""Independent models that the package is compared with."""
