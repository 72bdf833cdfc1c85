"""A foreign OPC UA server for tests. Its one argument is JSON:
{"port": N, "uris": [...], "policies": ["None", "Basic256Sha256_Sign", ...], "certificate": FILE, "key": FILE,
 "application": URI, "users": {NAME: PASSWORD}, "identities": ["anonymous", "user", "certificate"], "limits": {NAME: N},
 "trust": FILE (a client certificate), "without": [NODE, ...]}.
Prints `ready`, then obeys lines on its standard input, each answered with a line: `set NAME JSON`,
`past NAME UNIX_MS JSON`, `get NAME`, `add NAME JSON`, `sessions`, `stop`.
"""

import asyncio
import json
import logging
import sys
import uuid
from datetime import datetime, timezone

from asyncua import Server, ua
from asyncua.common.structures104 import new_enum, new_struct, new_struct_field
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.user_managers import UserManager

V = ua.VariantType
PLANT = "urn:plant"

VALUES = {
    "Boolean": (True, V.Boolean),
    "SByte": (-128, V.SByte),
    "Byte": (255, V.Byte),
    "Int16": (-32768, V.Int16),
    "UInt16": (65535, V.UInt16),
    "Int32": (-2147483648, V.Int32),
    "UInt32": (4294967295, V.UInt32),
    "Int64": (-9223372036854775808, V.Int64),
    "UInt64": (18446744073709551615, V.UInt64),
    "Float": (1.5, V.Float),
    "Double": (0.1, V.Double),
    "String": ("Öl", V.String),
    "DateTime": (datetime(2026, 11, 21, 4, 15, 6, 789000, tzinfo=timezone.utc), V.DateTime),
    "Guid": (uuid.UUID("72962b91-fa75-4ae6-8d28-b404dc7daf63"), V.Guid),
    "ByteString": (b"\x00\xff", V.ByteString),
    "XmlElement": (ua.XmlElement("<a/>"), V.XmlElement),
    "StatusCode": (ua.StatusCode(0x80340000), V.StatusCode),
    "LocalizedText": (ua.LocalizedText("hot", "en"), V.LocalizedText),
    "QualifiedName": (ua.QualifiedName("name", 3), V.QualifiedName),
    "NodeId": (ua.NodeId("x", 2), V.NodeId),
    "Int32Array": ([1, 2, 3, 4, 5], V.Int32),
    "DoubleArray": ([0.5, 1.5], V.Double),
    "StringArray": (["a", "b"], V.String),
    "Matrix": ([[1, 2, 3], [4, 5, 6]], V.Int32),
    "Temp": (20.5, V.Double),
    "Count": (0, V.Int64),
    "Past": (1.0, V.Double),
}


class Users(UserManager):
    def __init__(self, users, certificates):
        self.users = users
        self.certificates = certificates

    def get_user(self, iserver, username=None, password=None, certificate=None):
        if isinstance(password, bytes):
            password = password.decode()
        if username is not None:
            known = self.users.get(username) == password
        elif certificate is not None and self.certificates:
            known = True
        else:
            known = not self.users
        return User(role=UserRole.User) if known else None


async def fill(server, index, settings):
    line = await server.nodes.objects.add_object(ua.NodeId("Line1", index), ua.QualifiedName("Line1", index))
    nodes = {}
    for name, (value, kind) in VALUES.items():
        if name in settings.get("without", []):
            continue
        node = await line.add_variable(ua.NodeId(f"Line1.{name}", index), ua.QualifiedName(name, index), value, kind)
        await node.set_writable()
        nodes[name] = node
    for number in range(settings.get("extra", 0)):
        name = f"Extra{number}"
        node = await line.add_variable(ua.NodeId(f"Line1.{name}", index), ua.QualifiedName(name, index), number, V.Int32)
        nodes[name] = node
    point, _ = await new_struct(server, index, "PointXY", [
        new_struct_field("X", ua.VariantType.Double),
        new_struct_field("Name", ua.VariantType.String),
        new_struct_field("Steps", ua.VariantType.UInt64, array=True),
    ])
    await new_struct(server, index, "Box", [
        new_struct_field("Corner", point),
        new_struct_field("Note", ua.VariantType.String, optional=True),
        new_struct_field("Size", ua.VariantType.Int16),
    ])
    mode = await new_enum(server, index, "Mode", ["Off", "On"])
    await server.load_data_type_definitions()
    corner = ua.PointXY()
    corner.X, corner.Name, corner.Steps = 1.5, "a\"b", [1, 18446744073709551615]
    box = ua.Box()
    box.Corner, box.Size = corner, -7
    for name, value in [("Structure", box), ("StructureArray", [corner, corner])]:
        nodes[name] = await line.add_variable(ua.NodeId(f"Line1.{name}", index), ua.QualifiedName(name, index), value)
    nodes["Enumeration"] = await line.add_variable(
        ua.NodeId("Line1.Enumeration", index), ua.QualifiedName("Enumeration", index), 1, V.Int32, mode.nodeid)
    await nodes["Enumeration"].set_writable()
    if "Temp" in nodes:
        unit = ua.EUInformation(NamespaceUri="http://www.opcfoundation.org/UA/units/un/cefact", UnitId=4408652,
                                DisplayName=ua.LocalizedText("°C"), Description=ua.LocalizedText("degree"))
        await nodes["Temp"].add_property(ua.NodeId("Line1.Temp.Unit", index), ua.QualifiedName("EngineeringUnits", 0), unit)
        await nodes["Temp"].write_attribute(ua.AttributeIds.Description, ua.DataValue(ua.LocalizedText("of the oven")))
    if "Past" in nodes:
        await server.historize_node_data_change(nodes["Past"], period=None, count=1000)
    return line, nodes


async def main():
    logging.disable(logging.CRITICAL)
    settings = json.loads(sys.argv[1])
    server = Server(user_manager=Users(settings.get("users", {}), "certificate" in settings.get("identities", [])))
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{settings['port']}/")
    if "application" in settings:
        await server.set_application_uri(settings["application"])
    server.set_security_policy([getattr(ua.SecurityPolicyType, name.replace("None", "NoSecurity"))
                                for name in settings["policies"]])
    tokens = {"anonymous": ua.AnonymousIdentityToken, "user": ua.UserNameIdentityToken, "certificate": ua.X509IdentityToken}
    server.set_identity_tokens([tokens[name] for name in settings.get("identities", ["anonymous"])])
    if "certificate" in settings:
        await server.load_certificate(settings["certificate"])
        await server.load_private_key(settings["key"])
    for uri in settings["uris"]:
        await server.register_namespace(uri)
    index = await server.get_namespace_index(PLANT)
    line, nodes = await fill(server, index, settings)
    for name, limit in settings.get("limits", {}).items():
        node = server.get_node(getattr(ua.ObjectIds, f"Server_ServerCapabilities_OperationLimits_{name}"))
        await node.write_value(ua.DataValue(ua.Variant(limit, V.UInt32)))
    await server.start()
    print("ready", flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while text := (await reader.readline()).decode().split(" ", 2):
        words = [word.strip() for word in text]
        if words[0] == "set":
            node = nodes[words[1]]
            kind = await node.read_data_type_as_variant_type()
            await node.write_value(json.loads(words[2]), kind)
            print("ok", flush=True)
        elif words[0] == "past":
            moment, value = words[2].split(" ", 1)
            data = ua.DataValue(ua.Variant(json.loads(value), V.Double),
                                SourceTimestamp=datetime.fromtimestamp(int(moment) / 1000, timezone.utc))
            await nodes[words[1]].write_value(data)
            print("ok", flush=True)
        elif words[0] == "get":
            value = await nodes[words[1]].read_data_value()
            print(f"{value.Value.VariantType.name} {value.Value.Value!r}", flush=True)
        elif words[0] == "add":
            nodes[words[1]] = await line.add_variable(
                ua.NodeId(f"Line1.{words[1]}", index), ua.QualifiedName(words[1], index), json.loads(words[2]))
            print("ok", flush=True)
        else:
            break
    await server.stop()


asyncio.run(main())
