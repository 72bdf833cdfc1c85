"""A Modbus TCP server by pymodbus with every kind of pattern in it, and pymodbus's own client beside it.

Prints {"port": N} when it serves. Each line on standard input is {"items": [{name, area, offset, type,
bit, bytes, order}]}; the answer is one line {name: text} with what the client reads there. Ends with its
standard input.
"""

import asyncio
import json
import struct
import sys

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

REGISTERS = 2000
TYPES = AsyncModbusTcpClient.DATATYPE
# Type: pymodbus's own, registers, the letter of struct.
NUMBERS = {
    "int16": (TYPES.INT16, 1, "h"),
    "uint16": (TYPES.UINT16, 1, "H"),
    "int32": (TYPES.INT32, 2, "i"),
    "uint32": (TYPES.UINT32, 2, "I"),
    "float32": (TYPES.FLOAT32, 2, "f"),
    "int64": (TYPES.INT64, 4, "q"),
    "uint64": (TYPES.UINT64, 4, "Q"),
    "float64": (TYPES.FLOAT64, 4, "d"),
}
# Orders of four letters hold for 64 bits too: the same exchanges over four registers.
LONG = {"ABCD": "ABCDEFGH", "BADC": "BADCFEHG", "CDAB": "GHEFCDAB", "DCBA": "HGFEDCBA"}
# Neuron's names.
NEURON = {"LL": "ABCD", "LB": "BADC", "BL": "CDAB", "BB": "DCBA", "L": "AB", "B": "BA"}


def words(form, *values):
    data = struct.pack(">" + form, *values)
    return list(struct.unpack(f">{len(data) // 2}H", data))


def text_words(text, size, exchanged=False):
    data = text.encode()[:size].ljust(size + size % 2, b"\0")
    return list(struct.unpack(f"{'<' if exchanged else '>'}{len(data) // 2}H", data))


# What a pattern would hardly hit. The test knows these places.
SPECIAL = {
    1000: words("f", float("nan")),
    1002: words("f", float("inf")),
    1004: words("f", float("-inf")),
    1006: words("f", -0.0),
    1008: words("f", 3.4028234663852886e38),
    1010: words("f", 1.401298464324817e-45),
    1012: words("f", 16777217.0),
    1014: words("f", 0.1),
    1020: words("d", float("nan")),
    1024: words("d", float("-inf")),
    1028: words("d", -0.0),
    1032: words("d", 1.7976931348623157e308),
    1036: words("d", 5e-324),
    1040: words("d", 0.1),
    1050: words("q", -(2**63)),
    1054: words("q", 2**63 - 1),
    1058: words("Q", 2**64 - 1),
    1062: words("Q", 2**53 + 1),
    1066: words("i", -(2**31)),
    1068: words("I", 2**32 - 1),
    1070: words("h", -(2**15)),
    1071: words("H", 2**16 - 1),
    1072: words("H", 0x80FF),
    1073: words("H", 0xFF7F),
    1074: words("H", 0),
    1075: words("H", 27648),
    1100: text_words("Kessel 3", 16),
    1110: text_words("Füllstand °C", 20),
    1120: text_words("abc", 3),
    1124: text_words("sixteen letters!", 16),
    1134: text_words("exchanged", 16, exchanged=True),
    1144: text_words("", 8),
}


def pattern(seed):
    registers = [(i * 40503 + seed) & 0xFFFF for i in range(REGISTERS)]
    for offset, values in SPECIAL.items():
        registers[offset : offset + len(values)] = values
    return registers


def bits(seed):
    return [(i * i + seed) % 7 < 3 for i in range(512)]


def device(unit=1, seed=0):
    holding = [
        SimData(0, values=pattern(4711 + seed), datatype=DataType.REGISTERS),
        # Room to write in.
        SimData(3000, count=1000, values=0, datatype=DataType.REGISTERS),
        # Two registers are missing in the middle of a block: 5004 and 5009.
        SimData(5000, values=[50, 51, 52, 53], datatype=DataType.REGISTERS),
        SimData(5005, values=[55, 56, 57, 58], datatype=DataType.REGISTERS),
        SimData(5010, values=[60, 61], datatype=DataType.REGISTERS),
    ]
    inputs = [SimData(0, values=pattern(815 + seed), datatype=DataType.REGISTERS)]
    coils = [SimData(0, values=bits(1), datatype=DataType.BITS)]
    discretes = [SimData(0, values=bits(3), datatype=DataType.BITS)]
    return SimDevice(unit, simdata=(coils, discretes, holding, inputs))


def shown(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def in_order(registers, order):
    """The bytes of a value, highest first, from registers in an order given as letters."""
    wire = b"".join(register.to_bytes(2, "big") for register in registers)
    value = bytearray(len(wire))
    for byte, letter in zip(wire, order):
        value[ord(letter) - ord("A")] = byte
    return bytes(value)


def number(registers, kind, order):
    own, width, form = NUMBERS[kind]
    order = NEURON.get(order, order)
    if width == 4:
        order = LONG.get(order, order)
    by_pymodbus = {"ABCDEFGH"[: 2 * width]: "big", "ABCD": "big"}
    by_pymodbus |= {"CDAB": "little"} if width == 2 else {"GHEFCDAB": "little"}
    if order in by_pymodbus:
        word_order = by_pymodbus[order]
        return AsyncModbusTcpClient.convert_from_registers(registers, own, word_order=word_order)
    # An order that pymodbus's client does not know.
    return struct.unpack(">" + form, in_order(registers, order))[0]


def string(registers, item):
    length, order = item["bytes"], NEURON.get(item["order"], item["order"])
    if order == "BA":
        registers = [(r & 0xFF) << 8 | r >> 8 for r in registers]
    if item["type"] == "bytes":
        return b"".join(r.to_bytes(2, "big") for r in registers)[:length].hex()
    return AsyncModbusTcpClient.convert_from_registers(registers, TYPES.STRING)


async def read(client, item):
    area, offset, kind = item["area"], item["offset"], item["type"]
    if area in ("coil", "discrete"):
        ask = client.read_coils if area == "coil" else client.read_discrete_inputs
        return (await ask(offset, count=1)).bits[0]
    width = NUMBERS[kind][1] if kind in NUMBERS else 1
    if kind in ("text", "bytes"):
        width = (item["bytes"] + 1) // 2
    ask = client.read_holding_registers if area == "holding" else client.read_input_registers
    answer = await ask(offset, count=width)
    if answer.isError():
        raise ValueError(f"{item}: {answer}")
    registers, order = answer.registers, item["order"]
    if kind in ("text", "bytes"):
        return string(registers, item)
    if kind in ("bool", "int8", "uint8") and NEURON.get(order, order) == "BA":
        registers = [(registers[0] & 0xFF) << 8 | registers[0] >> 8]
    if kind == "bool":
        return bool(registers[0] if item["bit"] is None else registers[0] >> item["bit"] & 1)
    if kind in ("int8", "uint8"):
        low = (registers[0] & 0xFF).to_bytes(1, "big")
        return int.from_bytes(low, "big", signed=kind == "int8")
    return number(registers, kind, order or "AB")


async def main():
    server = ModbusTcpServer(device(), address=("127.0.0.1", 0))
    await server.listen()
    port = server.transport.sockets[0].getsockname()[1]
    print(json.dumps({"port": port}), flush=True)
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        items = json.loads(line)["items"]
        answer = {item["name"]: shown(await read(client, item)) for item in items}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
