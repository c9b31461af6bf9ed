#!/usr/bin/python3
"""Lets ELF files that were linked against libstdc++ 12 load with that of gcc 11.

usage: retarget.py FILE...
One symbol that we and our libraries use got a new version in GLIBCXX_3.4.30 although the old one
does the same: std::condition_variable::wait(), which became noexcept. libstdc++ has both, so the
reference is pointed at the old version. Any other symbol of a version that Amazon Linux 2023 lacks
is an error."""
import struct, sys

SAME_AS_BEFORE = {"_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE": ("GLIBCXX_3.4.30", "GLIBCXX_3.4.11")}


def sections(data):
    """Type -> (offset, size, link) of a 64-bit little-endian file's sections, and all of them."""
    if data[:6] != b"\x7fELF\x02\x01":
        sys.exit("not a 64-bit little-endian ELF file")
    offset, = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    rows = [struct.unpack_from("<IIQQQQIIQQ", data, offset + i * size) for i in range(count)]
    return {row[1]: (row[4], row[5], row[6]) for row in rows}, rows


def text(data, at):
    return data[at:data.index(b"\0", at)].decode()


def retarget(path):
    data = bytearray(open(path, "rb").read())
    by_type, rows = sections(data)
    if 0x6FFFFFFE not in by_type:
        return 0
    needs, _, strings = by_type[0x6FFFFFFE]  # SHT_GNU_verneed
    versions = by_type[0x6FFFFFFF][0]  # SHT_GNU_versym
    symbols, symbols_size, _ = by_type[11]  # SHT_DYNSYM
    names = rows[strings][4]
    entries = {}  # (library, version) -> offset of its vernaux
    at = needs
    while True:
        _, count, file, aux, following = struct.unpack_from("<HHIII", data, at)
        entry = at + aux
        for _ in range(count):
            version, next_entry = struct.unpack_from("<II", data, entry + 8)
            entries[text(data, names + file), text(data, names + version)] = entry
            entry += next_entry
        if not following:
            break
        at += following
    library = "libstdc++.so.6"
    changed = 0
    for new, old in set(SAME_AS_BEFORE.values()):
        newer, older = entries.get((library, new)), entries.get((library, old))
        if newer is None:
            continue
        index, = struct.unpack_from("<H", data, newer + 6)
        for i in range(symbols_size // 24):
            if struct.unpack_from("<H", data, versions + 2 * i)[0] & 0x7FFF != index:
                continue
            name = text(data, names + struct.unpack_from("<I", data, symbols + 24 * i)[0])
            if SAME_AS_BEFORE.get(name) != (new, old):
                sys.exit(f"{path}: {name} needs {new}, and no older version is known to be the same")
            changed += 1
        if older is None:
            sys.exit(f"{path}: nothing else in it needs {old}, whose name is missing")
        # The requirement itself becomes one for the old version: its hash and its name.
        data[newer:newer + 4] = data[older:older + 4]
        data[newer + 8:newer + 12] = data[older + 8:older + 12]
    if changed:
        open(path, "wb").write(data)
    return changed


for file in sys.argv[1:]:
    print(f"{file}: {retarget(file)} references moved to an older version")
