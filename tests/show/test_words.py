"""Quantities as short words: units that fit the size, nothing small shown as nothing."""

from splitgym.show.words import megabits, millijoules, short_energy


def test_small_energies_and_sizes_keep_their_digits() -> None:
    assert [millijoules(x) for x in (0.0, 2.5e-5, 1e-4, 6e-3, 0.052, 4.0)] == [
        "0.00 mJ", "25 µJ", "0.10 mJ", "6.00 mJ", "52.0 mJ", "4000 mJ",
    ]  # fmt: skip
    assert [short_energy(x) for x in (2.5e-5, 6e-3, 0.0125)] == ["25 µJ", "6 mJ", "12.5 mJ"]
    assert [megabits(x) for x in (0.0, 80.0, 1024.0, 8e3, 8e5, 1.204224e6)] == [
        "0 bit", "80 bit", "1.0 kbit", "8.0 kbit", "800 kbit", "1.20 Mbit",
    ]  # fmt: skip
