"""Transactions that go on while the broker is killed and comes back: `killed_transactions.py BOOTSTRAP TOPIC PARTITIONS MODE …`.

`transact ID GROUP` prints {"n": …, "committed": …} for each transaction that has ended, until its input ends. Every third is aborted.
`open ID TIMEOUT_MS` leaves one open and prints {"open": true}.
`read` prints {"partition": …, "value": …} for what is committed, until each partition has come to a record that says so.
"""
import json
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

BOOTSTRAP, TOPIC, PARTITIONS, MODE = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
PATIENCE_S = 60
# The broker is away for moments only: soon tried again.
PATIENT = {
    "bootstrap.servers": BOOTSTRAP,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 200,
    # Else it asks for brokers anew, and still sends a group's offsets by the connection that it has given up (2.16.0).
    "metadata.recovery.strategy": "none",
    "log_level": 0,
}


def tell(line):
    print(json.dumps(line), flush=True)


def producer_of(transactional_id, timeout_ms):
    settings = {"transactional.id": transactional_id, "transaction.timeout.ms": timeout_ms, "linger.ms": 0}
    producer = Producer({**PATIENT, **settings})
    persist(lambda: producer.init_transactions(PATIENCE_S))
    return producer


def persist(call):
    """Until it succeeds, for as long as trying again may help."""
    while True:
        try:
            return call()
        except KafkaException as error:
            if not error.args[0].retriable():
                raise


def write(producer, value):
    for partition in range(PARTITIONS):
        producer.produce(TOPIC, value, partition=partition)
    assert producer.flush(PATIENCE_S) == 0, "records that were never acknowledged"


def transact(transactional_id, group):
    stopping = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stopping.set()), daemon=True).start()
    producer = producer_of(transactional_id, 60000)
    metadata = Consumer({**PATIENT, "group.id": group}).consumer_group_metadata()
    n = 0
    while not stopping.is_set():
        producer.begin_transaction()
        write(producer, str(n))
        offsets = [TopicPartition(TOPIC, 0, n + 1)]
        persist(lambda: producer.send_offsets_to_transaction(offsets, metadata, PATIENCE_S))
        commits = n % 3 != 2
        end = producer.commit_transaction if commits else producer.abort_transaction
        persist(lambda: end(PATIENCE_S))
        tell({"n": n, "committed": commits})
        n += 1


def leave_open(transactional_id, timeout_ms):
    producer = producer_of(transactional_id, int(timeout_ms))
    producer.begin_transaction()
    write(producer, "open")
    tell({"open": True})
    time.sleep(3600)


def read():
    consumer = Consumer({**PATIENT, "group.id": "reads", "isolation.level": "read_committed"})
    consumer.assign([TopicPartition(TOPIC, partition, 0) for partition in range(PARTITIONS)])
    ends = 0
    while ends < PARTITIONS:
        for message in consumer.consume(1000, 0.1):
            if message.error() is not None:
                raise KafkaException(message.error())
            value = message.value().decode()
            if value == "end":
                ends += 1
            else:
                tell({"partition": message.partition(), "value": value})
    consumer.close()


{"transact": transact, "open": leave_open, "read": read}[MODE](*sys.argv[5:])
