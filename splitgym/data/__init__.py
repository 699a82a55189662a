"""Presets and profiles that ship with the package (TOML)."""
