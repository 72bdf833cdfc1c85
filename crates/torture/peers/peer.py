"""A small foreign server of one protocol, for the fault rig.

Usage: peer.py PROTOCOL PORT [--empty]. Serves the value 1234.5 where the rig's configuration looks for
it, or nothing at all with --empty, so that everything that is asked is refused. Prints "ready" when it
serves; ends with its standard input.
"""

import asyncio
import struct
import sys
import threading

VALUE = 1234.5
PORT = int(sys.argv[2])
EMPTY = "--empty" in sys.argv


def ready():
    print("ready", flush=True)


def until_told():
    sys.stdin.read()


async def until_told_async():
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def modbus():
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    words = list(struct.unpack(">2H", struct.pack(">f", VALUE))) * 16
    start = 30000 if EMPTY else 0
    data = [SimData(start, values=words, datatype=DataType.REGISTERS)]
    server = ModbusTcpServer(SimDevice(1, simdata=data), address=("127.0.0.1", PORT))
    await server.serve_forever(background=True)
    ready()
    await until_told_async()


async def opcua():
    from asyncua import Server, ua

    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{PORT}/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    space = await server.register_namespace("urn:torture:plant")
    if not EMPTY:
        node = ua.NodeId("value", space)
        await server.nodes.objects.add_variable(node, "value", VALUE)
    await server.start()
    ready()
    await until_told_async()


def iec104():
    import c104

    server = c104.Server(ip="127.0.0.1", port=PORT, tick_rate_ms=50)
    station = server.add_station(common_address=1)
    if not EMPTY:
        point = station.add_point(io_address=1001, type=c104.Type.M_ME_NC_1)
        point.value = VALUE
    server.start()
    ready()
    until_told()


def s7():
    from snap7.server import Server
    from snap7.type import SrvArea

    server = Server()
    if not EMPTY:
        server.register_area(SrvArea.DB, 1, bytearray(struct.pack(">f", VALUE) + bytes(60)))
    server.start(tcp_port=PORT)
    ready()
    until_told()


def http():
    """Something else altogether at the device's address."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    server = ThreadingHTTPServer(("127.0.0.1", PORT), BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ready()
    until_told()


run = {"modbus": modbus, "opcua": opcua, "iec104": iec104, "s7": s7, "http": http}[sys.argv[1]]
if asyncio.iscoroutinefunction(run):
    asyncio.run(run())
else:
    run()
