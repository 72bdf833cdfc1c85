"""A pymodbus server on a serial line, or with a line's framing on TCP, and pymodbus's own client
on a second server with the same memory, which sees what was written.

Arguments: the framing (rtu, ascii or socket), and the serial port's path, or none for TCP. Prints
{"port": N} when it serves; N is the TCP port, 0 on a serial line. Units 1 and 2 are there, others
are silent. Each line on standard input is {"unit", "items"} as for the edge's modbus_peer.py. Ends
with its standard input.
"""

import asyncio
import json
import pathlib
import sys

from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import NoSuchIdException
from pymodbus.server import ModbusSerialServer, ModbusTcpServer

edge = pathlib.Path(__file__).resolve().parents[3] / "edge/tests/peers"
sys.path.insert(0, str(edge))
import modbus_peer  # noqa: E402


def silence_missing_units(memory):
    """For `ignore_missing_devices`: the simulator's memory does not tell the server."""
    get = memory.async_getValues

    async def of_known_unit(device_id, *args, **named):
        if device_id not in (1, 2):
            raise NoSuchIdException
        return await get(device_id, *args, **named)

    memory.async_getValues = of_known_unit


async def main():
    framer, path = FramerType(sys.argv[1]), (sys.argv[2:] or [None])[0]
    devices = [modbus_peer.device(1), modbus_peer.device(2, seed=1)]
    settings = {"framer": framer, "ignore_missing_devices": True}
    if path:
        server = ModbusSerialServer(devices, port=path, baudrate=115200, **settings)
    else:
        server = ModbusTcpServer(devices, address=("127.0.0.1", 0), **settings)
    await server.listen()
    window = ModbusTcpServer(devices, address=("127.0.0.1", 0))
    silence_missing_units(server.context)
    window.context = server.context
    await window.listen()
    port_of = lambda one: one.transport.sockets[0].getsockname()[1]
    print(json.dumps({"port": 0 if path else port_of(server)}), flush=True)
    client = AsyncModbusTcpClient("127.0.0.1", port=port_of(window))
    await client.connect()

    class OfUnit:
        """The client, asking one unit."""

        def __init__(self, unit):
            self.unit = unit

        def __getattr__(self, name):
            return lambda *args, **named: getattr(client, name)(*args, device_id=self.unit, **named)

    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        asked = json.loads(line)
        of_unit = OfUnit(asked["unit"])
        answer = {
            item["name"]: modbus_peer.shown(await modbus_peer.read(of_unit, item))
            for item in asked["items"]
        }
        print(json.dumps(answer), flush=True)


asyncio.run(main())
