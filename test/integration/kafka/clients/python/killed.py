"""What goes on while the broker is killed and comes back.

`killed.py BOOTSTRAP produce TOPIC COUNT` prints a line of JSON for each acknowledged record, {"value": …, "offset": …}.
`killed.py BOOTSTRAP consume TOPIC GROUP COUNT` prints a line for each commit that was answered, {"committed": …}.
"""
import json
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer

BOOTSTRAP, MODE, TOPIC = sys.argv[1:4]
# The broker is away for moments only: soon tried again.
PATIENT = {"bootstrap.servers": BOOTSTRAP, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200, "log_level": 0}


def tell(line):
    print(json.dumps(line), flush=True)


def produce(count):
    producer = Producer({**PATIENT, "enable.idempotence": True, "acks": "all", "linger.ms": 2, "batch.num.messages": 200})

    def delivered(error, message):
        if error is not None:
            raise KafkaException(error)
        tell({"value": message.value().decode(), "offset": message.offset()})

    for i in range(count):
        producer.produce(TOPIC, str(i), partition=0, on_delivery=delivered)
        producer.poll(0)
        if i % 100 == 0:
            time.sleep(0.01)
    assert producer.flush(60) == 0, "records that were never acknowledged"


def consume(group, count):
    settings = {"group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    consumer = Consumer({**PATIENT, **settings})
    consumer.subscribe([TOPIC])
    position = 0
    while position < count:
        messages = [each for each in consumer.consume(200, 0.1) if each.error() is None]
        if not messages:
            continue
        try:
            answer = consumer.commit(message=messages[-1], asynchronous=False)
        except KafkaException:
            # Not answered: what was read may be read again.
            continue
        position = answer[0].offset
        tell({"committed": position})
    consumer.close()


if MODE == "produce":
    produce(int(sys.argv[4]))
else:
    consume(sys.argv[4], int(sys.argv[5]))
