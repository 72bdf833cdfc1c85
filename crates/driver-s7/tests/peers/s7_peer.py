"""An S7 controller by python-snap7's pure-Python server, with every kind of value in it.

Takes a free port, prints {"port": N} when it serves. Each line on standard input is
{"area": "DB", "index": N, "start": N, "count": N}; the answer is one line {"hex": "..."} with the
bytes that lie there. Ends with its standard input.
"""

import json
import logging
import socket
import struct
import sys

from snap7.server import Server
from snap7.type import SrvArea

logging.disable(logging.CRITICAL)

AREAS = {
    "DB": SrvArea.DB,
    "M": SrvArea.MK,
    "I": SrvArea.PE,
    "Q": SrvArea.PA,
    "T": SrvArea.TM,
    "C": SrvArea.CT,
}


def put(memory, start, form, *values):
    struct.pack_into(">" + form, memory, start, *values)


def values_block():
    """Data block 1: one of each type, at places that the test knows."""
    memory = bytearray(400)
    memory[0] = 0b1000_1000
    put(memory, 1, "b", -5)
    put(memory, 2, "B", 250)
    put(memory, 4, "h", -12345)
    put(memory, 6, "H", 54321)
    put(memory, 8, "i", -123456789)
    put(memory, 12, "I", 4123456789)
    put(memory, 16, "q", -(2**62) - 1)
    put(memory, 24, "Q", 2**64 - 3)
    put(memory, 32, "f", 3.5)
    put(memory, 40, "d", 0.1)
    memory[50:72] = b"\x14\x06Kessel".ljust(22, b"\0")
    put(memory, 80, "HH", 10, 2)
    memory[84:88] = "€3".encode("utf-16-be")
    memory[110:118] = b"raw text"
    put(memory, 120, "H", 13473)
    put(memory, 122, "i", -1500)
    put(memory, 126, "H", 0x2015)
    put(memory, 128, "I", 49526458)
    memory[132:140] = bytes.fromhex("2611211345264587")
    memory[140:152] = bytes.fromhex("07EA0B15070D2D1A1B4D4B03")
    put(memory, 152, "q", 1_500_000_000)
    put(memory, 160, "q", 1_795_268_726_458_050_307)
    put(memory, 200, "4h", 1, -2, 300, -400)
    return memory


def memories():
    pattern = bytearray((i * 7 + i // 256) & 0xFF for i in range(3000))
    return {
        ("DB", 1): values_block(),
        # Longer than any PDU.
        ("DB", 2): pattern,
        # To write in; strings are initialised with their declared lengths.
        ("DB", 3): bytearray(b"\x0a\0".ljust(20, b"\0") + b"\0\x08\0\0".ljust(380, b"\0")),
        # Only twelve bytes.
        ("DB", 10): bytearray(range(12)),
        ("M", 0): bytearray(range(256)),
        ("I", 0): bytearray(b"\x81" + bytes(127)),
        ("Q", 0): bytearray(b"\x02" + bytes(127)),
        ("T", 0): bytearray(struct.pack(">8H", 0, 0x0100, 0x2015, 0, 0, 0, 0, 0x3999)),
        ("C", 0): bytearray(struct.pack(">8H", 0, 0x0042, 0x0987, 0, 0, 0, 0, 0)),
    }


def main():
    server = Server(log=False)
    memory = memories()
    for (area, index), data in memory.items():
        server.register_area(AREAS[area], index, data)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server.start_to("127.0.0.1", port)
    print(json.dumps({"port": port}), flush=True)
    for line in sys.stdin:
        item = json.loads(line)
        data = memory[item["area"], item["index"]]
        start = item["start"]
        print(json.dumps({"hex": data[start : start + item["count"]].hex()}), flush=True)


main()
