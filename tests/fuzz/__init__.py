"""Long campaigns against the whole package; ``make fuzz`` runs all of them, ``make test`` a small part of each."""
