"""The worlds: a folder each, behind one small interface (:mod:`splitgym.worlds.world`)."""
