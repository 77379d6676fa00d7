"""A device written with paho: publishes readings at QoS 1, waits for every PUBACK, then reads its retained alarm.

usage: paho_device.py PORT PROTOCOL(4|5) MESSAGES ALARM(yes|no)
Prints `acknowledged N` and, if asked, `alarm STATE`.
"""
import json
import sys
import threading

import paho.mqtt.client as mqtt

port, protocol, messages, wants_alarm = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "yes"
arguments = dict(client_id=f"paho-{protocol}", protocol=protocol)
if hasattr(mqtt, "CallbackAPIVersion"):  # paho 2
    arguments["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION1
client = mqtt.Client(**arguments)
client.max_inflight_messages_set(100)
acknowledged, alarm = threading.Semaphore(0), threading.Event()
state = []


def on_message(_client, _userdata, message):
    state.append(json.loads(message.payload)["state"])
    alarm.set()


client.on_publish = lambda *_: acknowledged.release()
client.on_message = on_message
client.connect("127.0.0.1", port, keepalive=10)
client.loop_start()
device = f"paho-{protocol}"
for i in range(messages):
    # a bearing that wears out in the second half
    value = 1.2 if i < messages / 2 else 6.0
    reading = {"ts": 1760000000000 + i * 2000, "seq": i, "boot": "p", "metrics": {"vibration_rms_mm_s": value + i % 7 / 100}}
    client.publish(f"forewarn/site/{device}/telemetry", json.dumps(reading), qos=1)
for i in range(messages):
    if not acknowledged.acquire(timeout=30):
        sys.exit(f"only {i} of {messages} were acknowledged")
print("acknowledged", messages)
if wants_alarm:
    client.subscribe(f"forewarn/site/{device}/alarm", qos=1)
    if not alarm.wait(timeout=30):
        sys.exit("no alarm came")
    print("alarm", state[0])
client.disconnect()
