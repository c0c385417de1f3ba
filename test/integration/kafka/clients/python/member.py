"""One member of a classic group, beside members of other clients.

`member.py BOOTSTRAP GROUP TOPIC ASSIGNORS` prints a line of JSON for what it owns, {"owned": [0, 1]}, whenever that changes, and
for each record that it has read and committed, {"read": "…"}. It leaves the group when its input ends.
"""
import json
import sys
import threading

from confluent_kafka import Consumer, KafkaException

BOOTSTRAP, GROUP, TOPIC, ASSIGNORS = sys.argv[1:5]
consumer = Consumer(
    {
        "bootstrap.servers": BOOTSTRAP,
        "group.id": GROUP,
        "group.protocol": "classic",
        "partition.assignment.strategy": ASSIGNORS,
        "heartbeat.interval.ms": 100,
        "session.timeout.ms": 6000,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "log_level": 0,
    }
)
owned = set()
is_leaving = threading.Event()


def tell(line):
    print(json.dumps(line), flush=True)


def changed(partitions):
    global owned
    owned = partitions
    tell({"owned": sorted(owned)})


def wait_for_the_end():
    sys.stdin.read()
    is_leaving.set()


consumer.subscribe(
    [TOPIC],
    on_assign=lambda _, partitions: changed(owned | {each.partition for each in partitions}),
    on_revoke=lambda _, partitions: changed(owned - {each.partition for each in partitions}),
)
threading.Thread(target=wait_for_the_end, daemon=True).start()
while not is_leaving.is_set():
    messages = consumer.consume(100, 0.05)
    for message in messages:
        if message.error() is not None:
            raise KafkaException(message.error())
    if messages:
        consumer.commit(asynchronous=False)
    for message in messages:
        tell({"read": message.value().decode()})
consumer.close()
