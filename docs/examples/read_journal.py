#!/usr/bin/env python3
"""Lists every record of a journal stream. Written from docs/journal.md alone.

usage: read_journal.py JOURNAL STREAM      prints: seq ts_ns kind schema_version flags payload_hex
"""
import os
import struct
import sys

TABLE = []
for number in range(256):
    for _ in range(8):
        number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
    TABLE.append(number)


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def header_of(data):
    """The valid copy with the higher generation."""
    best = None
    for copy in (data[0:2048], data[2048:4096]):
        if len(copy) < 2048 or copy[:4] != b"LXJ1":
            continue
        crc = crc32c(copy[328:2044], crc32c(bytes(128), crc32c(copy[:200])))
        if crc != struct.unpack_from("<I", copy, 2044)[0]:
            continue
        version, = struct.unpack_from("<H", copy, 4)
        if version != 2:
            sys.exit(f"format version {version} is not known here")
        index, first_seq, _, epoch, salt = struct.unpack_from("<QQQQI", copy, 32)
        flags, = struct.unpack_from("<Q", copy, 72)
        generation, segment_bytes, sealed_bytes = struct.unpack_from("<QQQ", copy, 328)
        if best is None or generation > best["generation"]:
            best = dict(index=index, first_seq=first_seq, epoch=epoch, salt=salt, flags=flags,
                        generation=generation, segment_bytes=segment_bytes, sealed_bytes=sealed_bytes)
    return best


def frames(data, header):
    """Yields (seq, ts_ns, kind, schema, flags, payload) and returns whether the stream goes on."""
    sealed = header["flags"] & 2
    end = header["sealed_bytes"] if sealed else header["segment_bytes"] - 65536
    offset = 4096
    while offset + 32 <= min(end, len(data)):
        length, crc = struct.unpack_from("<II", data, offset)
        if length == 0 and crc == 0:
            break
        whole = 32 <= length <= 65536 and length % 8 == 0 and offset + length <= min(end, len(data))
        if not whole or crc32c(data[offset + 8:offset + length], header["salt"] ^ offset) != crc:
            break
        seq, ts_ns, kind, schema, flags, payload_len = struct.unpack_from("<QQHBBI", data, offset + 8)
        if flags & 0x80:
            offset += length
            break
        yield seq, ts_ns, kind, schema, flags, data[offset + 32:offset + 32 + payload_len]
        offset += length
    if sealed and offset != end:
        sys.exit(f"segment {header['index']:#x} is damaged at offset {offset}")


def main():
    folder = os.path.join(sys.argv[1], sys.argv[2])
    expected = None
    for name in sorted(name for name in os.listdir(folder) if name.endswith(".lxj")):
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read()
        header = header_of(data)
        if header is None or header["index"] != int(name[:16], 16):
            sys.exit(f"{name} has no valid header of its own")
        for seq, ts_ns, kind, schema, flags, payload in frames(data, header):
            if expected not in (None, seq):
                sys.exit(f"{name}: seq {seq}, expected {expected}")
            expected = seq + 1
            print(seq, ts_ns, kind, schema, flags, payload.hex())


main()
