"""A subscriber by paho: prints every message as one line of JSON, {topic, payload, qos, retain, version,
properties}, and {"subscribed": true} whenever a subscription stands. Its session outlives its connections
and the broker, so that what the broker took is not lost. Ends with its standard input.

Arguments: port, topic, client id.
"""

import json
import os
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def main(port, topic, client_id):
    def say(what):
        print(json.dumps(what), flush=True)

    def connected(client, _data, _flags, reason, _properties):
        if not reason.is_failure:
            client.subscribe(topic, qos=1)

    def subscribed(_client, _data, _number, reasons, _properties):
        say({"subscribed": not any(reason.is_failure for reason in reasons)})

    def arrived(_client, _data, message):
        properties = getattr(message.properties, "UserProperty", None)
        say(
            {
                "topic": message.topic,
                "payload": message.payload.decode(),
                "qos": message.qos,
                "retain": message.retain,
                "properties": None if properties is None else dict(properties),
            }
        )

    client = mqtt.Client(
        mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5
    )
    client.on_connect, client.on_subscribe, client.on_message = connected, subscribed, arrived
    client.reconnect_delay_set(min_delay=0.05, max_delay=0.2)
    lasting = Properties(PacketTypes.CONNECT)
    lasting.SessionExpiryInterval = 3600
    client.connect("127.0.0.1", port, keepalive=30, clean_start=False, properties=lasting)

    def end_with_input():
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=end_with_input, daemon=True).start()
    client.loop_forever(retry_first_connection=True)


main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
