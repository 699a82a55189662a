"""Arrays of numbers and texts out of npz files, whose headers are checked before any memory is taken."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from splitgym.quoting import cut, shown, where
from splitgym.reading.files import read_bytes

#: Most bytes of a file, and of its arrays together.
MOST_ARRAYS = 2**31
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_arrays(
    path: str | Path, names: Sequence[str], kind: str, *, mark: tuple[str, str] | None = None, most: int = MOST_ARRAYS
) -> dict[str, np.ndarray]:
    """The arrays of an npz file; see :func:`arrays_of`."""
    return arrays_of(read_bytes(path, kind, most), path, names, kind, mark=mark, most=most)


def arrays_of(
    content: bytes,
    path: str | Path,
    names: Sequence[str],
    kind: str,
    *,
    mark: tuple[str, str] | None = None,
    most: int = MOST_ARRAYS,
) -> dict[str, np.ndarray]:
    """The arrays ``names`` of an npz file, as float64; ``mark`` is an array's name and the text that it must hold.

    Raises ``ValueError`` naming file and array: no npz, an array that is absent, there twice, damaged, not of the size
    that the file holds of it, or of anything but real numbers; together more than ``most`` bytes.  Nothing is
    unpickled.
    """
    if content.startswith(b"\x93NUMPY"):
        raise ValueError(f"{where(path)} is an npy file, not an npz file; write it with numpy.savez")
    if not content.startswith(b"PK"):
        raise ValueError(f"{where(path)} is not an npz file, the archive that numpy.savez writes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 wrote
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                if mark:
                    _check_mark(archive, *mark)
                return _arrays(archive, names, most)
    except Exception as error:  # whatever a damaged or hostile archive makes zipfile, zlib and numpy raise
        told = str(error) or type(error).__name__
        raise ValueError(cut(f"{where(path)} is not a readable {kind}: {told}")) from error


def _check_mark(archive: zipfile.ZipFile, name: str, wanted: str) -> None:
    found = None
    if f"{name}.npy" in archive.namelist():
        _checked(archive, name, "U", 400)
        found = str(_array(archive, name))
    if found != wanted:
        raise ValueError(f"it must have the format mark {wanted!r}, got {shown(found)}: not a trace of this world")


def _arrays(archive: zipfile.ZipFile, names: Sequence[str], most: int) -> dict[str, np.ndarray]:
    size = 0
    for name in names:
        size += _checked(archive, name, "fiu", 8)
        if size > most:
            raise ValueError(f"its arrays up to {name!r} take {size} bytes; {most} are allowed")
    return {name: _array(archive, name).astype(np.float64) for name in names}


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(f"{name}.npy") as member:
        array = np.lib.format.read_array(member, allow_pickle=False)
        member.read(1)  # the checksum is compared at the end
    return array


def _checked(archive: zipfile.ZipFile, name: str, kinds: str, most: int) -> int:
    """Bytes that an array takes as float64, from its header alone; ``most`` are the bytes of one entry."""
    count = archive.namelist().count(f"{name}.npy")
    if count != 1:
        raise ValueError(f"expected one array {name!r}, it has {count or 'none'}")
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version not in _HEADERS:
            raise ValueError(f"array {name!r} is in the npy format {version}; expected 1.0 or 2.0")
        shape, _, dtype = _HEADERS[version](member)
        begin = member.tell()
    if dtype.kind not in kinds or dtype.itemsize > most:
        wanted = "a text" if kinds == "U" else "real numbers of 8 bytes at most"
        raise ValueError(f"array {name!r} must hold {wanted}, got an array of {cut(str(dtype), 60)}")
    if len(shape) > 8 or any(isinstance(n, bool) or n < 0 for n in shape):
        raise ValueError(f"array {name!r} has the impossible shape {cut(str(shape), 60)}")
    needed = math.prod(shape) * dtype.itemsize
    if needed != info.file_size - begin:
        raise ValueError(f"array {name!r} should take {needed} bytes, the file holds {info.file_size - begin}")
    return math.prod(shape) * 8
