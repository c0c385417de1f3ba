"""What librdkafka must be able to do, through its Python binding.

`checks.py BOOTSTRAP FEATURE…` prints a line of JSON for each: {"feature": …, "error": null or text}.
`checks.py version` prints librdkafka's version.
"""
import sys
import time
import uuid

import confluent_kafka as kafka
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)
from outcomes import run_checks

PATIENCE_S = 30
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
BOOTSTRAP = sys.argv[1]


def fresh(what):
    return f"{what}-{uuid.uuid4()}"


# One for all: an admin client that nothing holds any more ends its calls.
ADMIN = AdminClient({"bootstrap.servers": BOOTSTRAP})


def done(futures):
    """The results of an admin call, whose failures are raised."""
    return {key: future.result(PATIENCE_S) for key, future in futures.items()}


def code_of(call):
    """The error code of a call that must fail."""
    try:
        call()
    except KafkaException as error:
        return error.args[0].code()
    raise AssertionError("a failure was expected")


def make_topic(partitions=1, config=None):
    topic = fresh("rdkafka")
    done(ADMIN.create_topics([NewTopic(topic, partitions, 1, config=config or {})]))
    until("the topic is known", lambda: topic in ADMIN.list_topics(timeout=PATIENCE_S).topics)
    return topic


def until(what, holds):
    end = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"not within {PATIENCE_S} s: {what}")
        time.sleep(0.02)


def make_producer(**settings):
    return Producer({"bootstrap.servers": BOOTSTRAP, **{name.replace("_", "."): value for name, value in settings.items()}})


def make_consumer(group=None, **settings):
    base = {
        "bootstrap.servers": BOOTSTRAP,
        "group.id": group or fresh("group"),
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
    return Consumer({**base, **{name.replace("_", "."): value for name, value in settings.items()}})


def send(topic, values, partition=None, **settings):
    """Gives the offsets that the broker answered with, in the order of the values."""
    producer = make_producer(**settings)
    offsets = []

    def delivered(error, message):
        if error is not None:
            raise KafkaException(error)
        offsets.append(message.offset())

    for value in values:
        where = {} if partition is None else {"partition": partition}
        producer.produce(topic, value=value, on_delivery=delivered, **where)
    assert producer.flush(PATIENCE_S) == 0, "records that were not sent"
    return offsets


def take(consumer, count):
    """The next records of a consumer; raises when there are fewer."""
    taken = []
    end = time.monotonic() + PATIENCE_S
    while len(taken) < count and time.monotonic() < end:
        for message in consumer.consume(count - len(taken), 0.1):
            if message.error() is not None:
                raise KafkaException(message.error())
            taken.append(message)
    assert len(taken) == count, f"{len(taken)} records, not {count}"
    return taken


def values(messages):
    return [message.value().decode() for message in messages]


def assigned(topic, partitions=1, **settings):
    consumer = make_consumer(**settings)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    return consumer


def topics():
    client = ADMIN
    topic = make_topic(3)
    assert code_of(lambda: done(client.create_topics([NewTopic(topic, 3, 1)]))) == KafkaError.TOPIC_ALREADY_EXISTS
    assert len(client.list_topics(timeout=PATIENCE_S).topics[topic].partitions) == 3
    described = client.describe_topics(kafka.TopicCollection([topic]))[topic].result(PATIENCE_S)
    assert [each.id for each in described.partitions] == [0, 1, 2] and described.partitions[0].leader is not None
    done(client.delete_topics([topic]))
    until("the topic is gone", lambda: topic not in client.list_topics(timeout=PATIENCE_S).topics)


def partitions():
    topic = make_topic(2)
    client = ADMIN
    assert code_of(lambda: done(client.create_partitions([NewPartitions(topic, 1)]))) == KafkaError.INVALID_PARTITIONS
    done(client.create_partitions([NewPartitions(topic, 5)]))
    until("5 partitions", lambda: len(client.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions) == 5)


def configs():
    topic = make_topic(1, {"segment.bytes": "1048576"})
    client = ADMIN

    def described():
        return done(client.describe_configs([ConfigResource(ResourceType.TOPIC, topic)])).popitem()[1]

    def altered(entry):
        done(client.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])]))

    assert described()["segment.bytes"].value == "1048576"
    altered(ConfigEntry("max.message.bytes", "1000", incremental_operation=AlterConfigOpType.SET))
    until("the change is seen", lambda: described()["max.message.bytes"].value == "1000")
    refusals = []
    producer = make_producer()
    producer.produce(topic, "x" * 5000, on_delivery=lambda error, _: refusals.append(error))
    producer.flush(PATIENCE_S)
    assert refusals[0] is not None and refusals[0].code() == KafkaError.MSG_SIZE_TOO_LARGE, refusals
    nonsense = ConfigEntry("retention.ms", "soon", incremental_operation=AlterConfigOpType.SET)
    assert code_of(lambda: altered(nonsense)) == KafkaError.INVALID_CONFIG


def delete_records():
    topic = make_topic()
    send(topic, [f"v{i}" for i in range(10)])
    deleted = done(ADMIN.delete_records([TopicPartition(topic, 0, 7)]))
    assert [each.low_watermark for each in deleted.values()] == [7]
    consumer = assigned(topic)
    assert consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=PATIENCE_S) == (7, 10)
    assert values(take(consumer, 3)) == ["v7", "v8", "v9"]
    consumer.close()


def offsets():
    topic = make_topic()
    producer = make_producer(linger_ms=0)
    for i in range(10):
        producer.produce(topic, f"v{i}", partition=0, timestamp=1000 + i * 10)
        producer.flush(PATIENCE_S)
    client = ADMIN
    for spec, expected in [
        (OffsetSpec.earliest(), 0),
        (OffsetSpec.latest(), 10),
        (OffsetSpec.for_timestamp(1045), 5),
        (OffsetSpec.max_timestamp(), 9),
    ]:
        listed = done(client.list_offsets({TopicPartition(topic, 0): spec})).popitem()[1]
        assert listed.offset == expected, f"{spec}: {listed.offset}"
    consumer = make_consumer()
    assert consumer.offsets_for_times([TopicPartition(topic, 0, 1045)], timeout=PATIENCE_S)[0].offset == 5
    consumer.close()


def group_admin():
    topic = make_topic()
    group = fresh("group")
    send(topic, ["a", "b", "c"])
    client = ADMIN
    consumer = make_consumer(group)
    consumer.subscribe([topic])
    take(consumer, 3)
    consumer.commit(asynchronous=False)
    listed = client.list_consumer_groups().result(PATIENCE_S).valid
    assert group in [each.group_id for each in listed]
    described = client.describe_consumer_groups([group])[group].result(PATIENCE_S)
    assert described.state == kafka.ConsumerGroupState.STABLE and len(described.members) == 1, described.state
    assert described.members[0].assignment.topic_partitions == [TopicPartition(topic, 0)]
    assert code_of(lambda: done(client.delete_consumer_groups([group]))) == KafkaError.NON_EMPTY_GROUP
    consumer.close()
    done(client.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 1)])]))
    committed = done(client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]))[group]
    assert [(each.partition, each.offset) for each in committed.topic_partitions] == [(0, 1)]
    done(client.delete_consumer_groups([group]))
    assert group not in [each.group_id for each in client.list_consumer_groups().result(PATIENCE_S).valid]


def cluster():
    described = ADMIN.describe_cluster().result(PATIENCE_S)
    assert len(described.nodes) == 1 and described.cluster_id, described
    assert f"{described.controller.host}:{described.controller.port}" == BOOTSTRAP


def records():
    topic = make_topic()
    producer = make_producer()
    producer.produce(topic, "v", "k", 0, timestamp=1700000000000, headers=[("trace", b"abc"), ("empty", None)])
    producer.produce(topic, None, None, 0, timestamp=1)
    producer.produce(topic, "", "", 0, timestamp=2)
    assert producer.flush(PATIENCE_S) == 0
    consumer = assigned(topic)
    full, nulls, empty = take(consumer, 3)
    assert (full.key(), full.value(), full.offset()) == (b"k", b"v", 0)
    assert full.timestamp() == (kafka.TIMESTAMP_CREATE_TIME, 1700000000000), full.timestamp()
    assert full.headers() == [("trace", b"abc"), ("empty", None)], full.headers()
    assert (nulls.key(), nulls.value()) == (None, None)
    assert (empty.key(), empty.value()) == (b"", b"")
    consumer.close()


def codecs():
    topic = make_topic()
    expected = []
    for codec in CODECS:
        sent = [f"{codec} {i} {'x' * 200}" for i in range(300)]
        send(topic, sent, compression_codec=codec)
        expected += sent
    consumer = assigned(topic, check_crcs=True)
    assert values(take(consumer, len(expected))) == expected
    consumer.close()


def acks():
    topic = make_topic()
    for level in ["0", "1", "all"]:
        send(topic, [f"{level} {i}" for i in range(50)], acks=level)
    consumer = assigned(topic)
    take(consumer, 150)
    consumer.close()


def idempotent():
    topic = make_topic()
    sent = [f"v{i}" for i in range(3000)]
    answered = send(topic, sent, partition=0, enable_idempotence=True, linger_ms=0, batch_num_messages=50)
    assert answered == list(range(3000))
    consumer = assigned(topic)
    assert values(take(consumer, 3000)) == sent
    consumer.close()


def append_time():
    topic = make_topic(1, {"message.timestamp.type": "LogAppendTime"})
    before = time.time() * 1000 - 1
    producer = make_producer()
    producer.produce(topic, "v", timestamp=1000)
    producer.flush(PATIENCE_S)
    consumer = assigned(topic)
    kind, at = take(consumer, 1)[0].timestamp()
    assert kind == kafka.TIMESTAMP_LOG_APPEND_TIME and at >= before, (kind, at)
    consumer.close()


def main():
    from groups import CHECKS as groups
    from positions import CHECKS as positions
    from transactions import CHECKS as transactions

    checks = {
        "topics": topics,
        "partitions": partitions,
        "configs": configs,
        "deleteRecords": delete_records,
        "offsets": offsets,
        "groupAdmin": group_admin,
        "cluster": cluster,
        "records": records,
        "codecs": codecs,
        "acks": acks,
        "idempotent": idempotent,
        "appendTime": append_time,
        **groups,
        **positions,
        **transactions,
    }
    run_checks(checks, sys.argv[2:])


if __name__ == "__main__":
    if BOOTSTRAP == "version":
        print(kafka.libversion()[0])
    else:
        # The other files take the checks' common part from this one, under its own name.
        sys.modules["checks"] = sys.modules["__main__"]
        main()
