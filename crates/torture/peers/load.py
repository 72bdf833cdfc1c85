"""A foreign server with many values that all change every second, for benches.

Usage: load.py PROTOCOL PORT COUNT. Prints "ready" when it serves; ends with its standard input.
"""

import struct
import sys
import threading
import time

# What must outlive the function that made it.
kept = []
PORT, COUNT = int(sys.argv[2]), int(sys.argv[3])


def every_second(change):
    def loop():
        number = 0
        while True:
            time.sleep(1)
            number += 1
            change(float(number % 1000))

    threading.Thread(target=loop, daemon=True).start()


def iec104():
    import c104

    server = c104.Server(ip="127.0.0.1", port=PORT, tick_rate_ms=100)
    station = server.add_station(common_address=1)
    points = [station.add_point(io_address=n + 1, type=c104.Type.M_ME_NC_1) for n in range(COUNT)]
    for point in points:
        point.value = 0.5
    kept.extend([server, station, points])
    server.start()

    def change(value):
        for point in points:
            point.value = value
            point.transmit(cause=c104.Cot.SPONTANEOUS)

    every_second(change)


def s7():
    from snap7.server import Server
    from snap7.type import SrvArea

    server = Server()
    block = bytearray(COUNT * 4)
    server.register_area(SrvArea.DB, 1, block)
    kept.append(server)
    server.start(tcp_port=PORT)

    def change(value):
        block[:] = struct.pack(">f", value) * COUNT

    every_second(change)


{"iec104": iec104, "s7": s7}[sys.argv[1]]()
print("ready", flush=True)
sys.stdin.read()
