"""A press line as an OPC UA server, by asyncua: the demo's fifth device.

Usage: press_line.py PORT. Prints "ready" when it serves; ends with its standard input. Values change
twice a second; what may be written is kept.
"""

import asyncio
import logging
import math
import sys

from asyncua import Server, ua

PRESSES = ("Press 1", "Press 2")


async def variable(parent, space, path, name, value, kind, unit=None, writable=False):
    node = await parent.add_variable(
        ua.NodeId(f"{path}.{name}", space), ua.QualifiedName(name, space), value, kind
    )
    if writable:
        await node.set_writable()
    if unit:
        information = ua.EUInformation(
            NamespaceUri="http://www.opcfoundation.org/UA/units/un/cefact",
            UnitId=-1,
            DisplayName=ua.LocalizedText(unit),
            Description=ua.LocalizedText(unit),
        )
        await node.add_property(
            ua.NodeId(f"{path}.{name}.EU", space),
            ua.QualifiedName("EngineeringUnits", 0),
            information,
        )
    return node


async def main():
    logging.disable(logging.WARNING)
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{int(sys.argv[1])}/")
    server.set_server_name("Press line")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    space = await server.register_namespace("urn:example:press-line")
    line = await server.nodes.objects.add_folder(
        ua.NodeId("line", space), ua.QualifiedName("Press line", space)
    )
    kinds, presses = ua.VariantType, []
    for number, name in enumerate(PRESSES, start=1):
        path = f"press{number}"
        folder = await line.add_folder(ua.NodeId(path, space), ua.QualifiedName(name, space))

        async def add(*rest, **more):
            return await variable(folder, space, path, *rest, **more)

        presses.append({
            "force": await add("Force", 0.0, kinds.Double, unit="kN"),
            "position": await add("Position", 0.0, kinds.Float, unit="mm"),
            "strokes": await add("Strokes", 0, kinds.UInt64),
            "running": await add("Running", True, kinds.Boolean),
            "tool": await add("Tool", f"T-{number:03}", kinds.String),
            "speed": await add("Speed setpoint", 40, kinds.Int16, unit="1/min", writable=True),
        })
    await server.start()
    print("ready", flush=True)
    asyncio.get_running_loop().run_in_executor(None, lambda: (sys.stdin.read(), end.set()))
    angle = 0.0
    while not end.is_set():
        await asyncio.sleep(0.5)
        angle += 0.3
        for offset, press in enumerate(presses):
            swing = math.sin(angle + offset)
            await press["force"].write_value(round(800 * max(swing, 0.0), 1))
            await press["position"].write_value(ua.Variant(250 + 200 * swing, kinds.Float))
            strokes = ua.Variant(int((angle + offset) / (2 * math.pi)), kinds.UInt64)
            await press["strokes"].write_value(strokes)
    await server.stop()


class End:
    """Set from the thread that waits for the end of the input."""

    told = False

    def set(self):
        self.told = True

    def is_set(self):
        return self.told


end = End()
asyncio.run(main())
