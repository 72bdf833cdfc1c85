"""An IEC 60870-5-104 server by c104, with a point of every type and a command of every type.

Prints {"port": N} when it serves. Each line on standard input is {"do": …}; the answer is one line of
JSON. Ends with its standard input.
"""

import datetime
import json
import socket
import sys
import threading

import c104

T, Q, Cot = c104.Type, c104.Quality, c104.Cot
STATION = 47
# 2026-03-04T05:06:07.089Z
AT = datetime.datetime(2026, 3, 4, 5, 6, 7, 89000, tzinfo=datetime.timezone.utc)
GOOD = Q()
BCQ = c104.BinaryCounterQuality


def points(at):
    """Address: type with and without time, content."""
    when = {"recorded_at": at} if at else {}
    return {
        100: (T.M_SP_NA_1, T.M_SP_TB_1, c104.SingleInfo(True, GOOD, **when)),
        101: (T.M_SP_NA_1, T.M_SP_TB_1, c104.SingleInfo(True, Q.Invalid | Q.NonTopical, **when)),
        102: (T.M_SP_NA_1, T.M_SP_TB_1, c104.SingleInfo(True, Q.Blocked, **when)),
        103: (T.M_SP_NA_1, T.M_SP_TB_1, c104.SingleInfo(True, Q.Substituted, **when)),
        110: (T.M_DP_NA_1, T.M_DP_TB_1, c104.DoubleInfo(c104.Double.ON, GOOD, **when)),
        111: (T.M_DP_NA_1, T.M_DP_TB_1, c104.DoubleInfo(c104.Double.INTERMEDIATE, GOOD, **when)),
        120: (T.M_ST_NA_1, T.M_ST_TB_1, c104.StepInfo(c104.Int7(-5), False, GOOD, **when)),
        121: (T.M_ST_NA_1, T.M_ST_TB_1, c104.StepInfo(c104.Int7(63), True, GOOD, **when)),
        130: (T.M_BO_NA_1, T.M_BO_TB_1, c104.BinaryInfo(c104.Byte32(0xDEADBEEF), GOOD, **when)),
        140: (T.M_ME_NA_1, T.M_ME_TD_1, c104.NormalizedInfo(c104.NormalizedFloat(-0.5), GOOD, **when)),
        150: (T.M_ME_NB_1, T.M_ME_TE_1, c104.ScaledInfo(c104.Int16(-1234), GOOD, **when)),
        151: (T.M_ME_NB_1, T.M_ME_TE_1, c104.ScaledInfo(c104.Int16(32767), Q.Overflow, **when)),
        160: (T.M_ME_NC_1, T.M_ME_TF_1, c104.ShortInfo(21.5, GOOD, **when)),
        170: (T.M_IT_NA_1, T.M_IT_TB_1, c104.BinaryCounterInfo(123456, c104.UInt5(7), BCQ(), **when)),
        171: (T.M_IT_NA_1, T.M_IT_TB_1, c104.BinaryCounterInfo(-7, c104.UInt5(1), BCQ.Carry | BCQ.Adjusted, **when)),
        172: (T.M_IT_NA_1, T.M_IT_TB_1, c104.BinaryCounterInfo(9, c104.UInt5(1), BCQ.Invalid, **when)),
    }


EVENTS = {
    500: (T.M_EP_TD_1, c104.ProtectionEventInfo(c104.EventState.ON, c104.UInt16(250), GOOD, recorded_at=AT)),
    501: (
        T.M_EP_TE_1,
        c104.ProtectionStartInfo(
            c104.StartEvents.General | c104.StartEvents.PhaseL2, c104.UInt16(80), Q.ElapsedTimeInvalid, recorded_at=AT
        ),
    ),
    502: (
        T.M_EP_TF_1,
        c104.ProtectionCircuitInfo(c104.OutputCircuits.PhaseL1, c104.UInt16(40), GOOD, recorded_at=AT),
    ),
}

COMMANDS = [
    T.C_SC_NA_1,
    T.C_DC_NA_1,
    T.C_RC_NA_1,
    T.C_SE_NA_1,
    T.C_SE_NB_1,
    T.C_SE_NC_1,
    T.C_BO_NA_1,
    T.C_SC_TA_1,
    T.C_DC_TA_1,
    T.C_RC_TA_1,
    T.C_SE_TA_1,
    T.C_SE_TB_1,
    T.C_SE_TC_1,
    T.C_BO_TA_1,
]

received, clocks, frames = [], [], [0]
sent = threading.Condition()
lock = threading.Lock()


def on_command(point: c104.Point, previous_info: c104.Information, message: c104.IncomingMessage) -> c104.ResponseState:
    with lock:
        received.append(
            {
                "object": point.io_address,
                "type": point.type.name,
                "value": str(point.value),
                "select": message.is_select_command,
                "from": message.originator_address,
            }
        )
    refused = 3900 <= point.io_address < 4000
    return c104.ResponseState.FAILURE if refused else c104.ResponseState.SUCCESS


def on_clock(server: c104.Server, ip: str, date_time: datetime.datetime) -> c104.ResponseState:
    with lock:
        clocks.append(date_time.isoformat())
    return c104.ResponseState.SUCCESS


def on_send(server: c104.Server, data: bytes) -> None:
    if len(data) > 6:
        with sent:
            frames[0] += 1
            sent.notify_all()


def build(port, tls):
    security = None
    if tls:
        security = c104.TransportSecurity(validate=False, only_known=False)
        security.set_ca_certificate(cert=tls["certificate"])
        security.set_certificate(cert=tls["certificate"], key=tls["key"])
        security.set_version(min=c104.TlsVersion.TLS_1_2, max=c104.TlsVersion.TLS_1_2)
    server = c104.Server(ip="127.0.0.1", port=port, tick_rate_ms=50, transport_security=security)
    server.on_clock_sync(callable=on_clock)
    server.on_send_raw(callable=on_send)
    station = server.add_station(common_address=STATION)
    for address, (plain, _, info) in points(None).items():
        station.add_point(io_address=address, type=plain).info = info
    for address, (_, timed, info) in points(AT).items():
        station.add_point(io_address=address + 200, type=timed).info = info
    station.add_point(io_address=141, type=T.M_ME_ND_1).info = c104.NormalizedInfo(c104.NormalizedFloat(0.25))
    station.add_point(io_address=180, type=T.M_PS_NA_1).info = c104.StatusAndChanged(
        c104.PackedSingle.I0 | c104.PackedSingle.I3, c104.PackedSingle.I3, GOOD
    )
    for address, (kind, info) in EVENTS.items():
        station.add_point(io_address=address, type=kind).info = info
    for number, kind in enumerate(COMMANDS):
        for first, mode in ((3000, c104.CommandMode.DIRECT), (3100, c104.CommandMode.SELECT_AND_EXECUTE)):
            if first == 3100 and kind in (T.C_BO_NA_1, T.C_BO_TA_1):
                continue
            point = station.add_point(io_address=first + number, type=kind, command_mode=mode)
            point.on_receive(callable=on_command)
    point = station.add_point(io_address=3900, type=T.C_SC_NA_1)
    point.on_receive(callable=on_command)
    server.start()
    return server, station


def burst(station, first, count):
    """Values one after the other, not faster than the queue of the server bears."""
    point = station.get_point(first)
    begun = frames[0]
    for number in range(count):
        with sent:
            sent.wait_for(lambda: number - (frames[0] - begun) <= 40)
        point.value = float(number)
        point.transmit(cause=Cot.SPONTANEOUS)


def work(command, state):
    server, station = state
    what = command["do"]
    if what == "received":
        with lock:
            answer = list(received)
            received.clear()
        return answer
    if what == "clocks":
        with lock:
            return list(clocks)
    if what == "transmit":
        for address in command["objects"]:
            station.get_point(address).transmit(cause=Cot.SPONTANEOUS)
    elif what == "burst":
        burst(station, command["object"], command["count"])
    elif what == "set":
        station.get_point(command["object"]).value = command["value"]
    elif what == "initialised":
        station.signal_initialized(cause=c104.Coi.LOCAL_POWER_ON)
    elif what == "restart":
        server.stop()
        state[:] = build(server.port, None)
    return {}


def main():
    options = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    state = list(build(port, options.get("tls")))
    print(json.dumps({"port": port}), flush=True)
    for line in sys.stdin:
        print(json.dumps(work(json.loads(line), state)), flush=True)
    state[0].stop()


main()
