"""What there is to read with librdkafka's consumers, and from where."""
import threading
import time

from checks import (
    ADMIN,
    PATIENCE_S,
    assigned,
    code_of,
    done,
    fresh,
    make_consumer,
    make_producer,
    make_topic,
    send,
    take,
    until,
    values,
)
from confluent_kafka import KafkaError, TopicPartition
from confluent_kafka.admin import (
    NewTopic,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)


def auto_create():
    topic = fresh("rdkafka")
    send(topic, ["v"])
    consumer = assigned(topic)
    assert values(take(consumer, 1)) == ["v"]
    consumer.close()


def start_at():
    topic = make_topic()
    producer = make_producer(linger_ms=0)
    for i in range(10):
        producer.produce(topic, f"v{i}", partition=0, timestamp=1000 + i * 10)
        producer.flush(PATIENCE_S)
    consumer = make_consumer()
    at_time = consumer.offsets_for_times([TopicPartition(topic, 0, 1075)], timeout=PATIENCE_S)
    for position, expected in [
        ([TopicPartition(topic, 0, 7)], ["v7", "v8", "v9"]),
        (at_time, ["v8", "v9"]),
        # librdkafka counts from the end by numbers below -2000.
        ([TopicPartition(topic, 0, -2001)], ["v9"]),
    ]:
        consumer.assign(position)
        assert values(take(consumer, len(expected))) == expected, position
    consumer.close()


def out_of_range():
    topic = make_topic()
    send(topic, [f"v{i}" for i in range(10)])
    done(ADMIN.delete_records([TopicPartition(topic, 0, 7)]))
    strict = make_consumer(auto_offset_reset="error")
    strict.assign([TopicPartition(topic, 0, 3)])
    assert code_of(lambda: take(strict, 1)) == KafkaError._AUTO_OFFSET_RESET
    strict.close()
    lenient = make_consumer(auto_offset_reset="earliest")
    lenient.assign([TopicPartition(topic, 0, 3)])
    assert values(take(lenient, 3)) == ["v7", "v8", "v9"]
    lenient.close()


def large():
    topic = make_topic()
    sent = ["x" * 500_000, "small"]
    send(topic, sent, partition=0)
    consumer = assigned(topic, fetch_message_max_bytes=1000)
    assert values(take(consumer, 2)) == sent
    consumer.close()


def long_poll():
    topic = make_topic()
    send(topic, ["first"])
    consumer = assigned(topic, fetch_wait_max_ms=5000)
    take(consumer, 1)
    start = time.monotonic()
    later = threading.Timer(0.3, lambda: send(topic, ["second"]))
    later.start()
    take(consumer, 1)
    waited = time.monotonic() - start
    later.join()
    assert 0.25 < waited < 4, f"a waiting fetch is answered by a record: {waited} s"
    consumer.close()


def pattern():
    """By the client's expression, and by the broker's."""
    prefix = fresh("rdkafka")
    classic = make_consumer(topic_metadata_refresh_interval_ms=200)
    newer = make_consumer(group_protocol="consumer")

    def make(name):
        done(ADMIN.create_topics([NewTopic(name, 1, 1)]))
        until("the topic is known", lambda: name in ADMIN.list_topics(timeout=PATIENCE_S).topics)
        send(name, [name])

    def find(name):
        for consumer in [classic, newer]:
            assert values(take(consumer, 1)) == [name]
            consumer.commit(asynchronous=False)

    # librdkafka calls it an error when there is no topic yet that fits.
    make(f"{prefix}-first")
    for consumer in [classic, newer]:
        consumer.subscribe([f"^{prefix}.*"])
    find(f"{prefix}-first")
    make(f"{prefix}-second")
    find(f"{prefix}-second")
    classic.close()
    newer.close()


def scram_users():
    user = fresh("user")
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
    done(ADMIN.alter_user_scram_credentials([UserScramCredentialUpsertion(user, info, b"secret")]))

    def described():
        return ADMIN.describe_user_scram_credentials([user])[user].result(PATIENCE_S).scram_credential_infos

    until("the user is there", lambda: user in ADMIN.describe_user_scram_credentials().result(PATIENCE_S))
    assert [(each.mechanism, each.iterations) for each in described()] == [(ScramMechanism.SCRAM_SHA_256, 4096)]
    deletion = UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_256)
    done(ADMIN.alter_user_scram_credentials([deletion]))
    until("the user is gone", lambda: user not in ADMIN.describe_user_scram_credentials().result(PATIENCE_S))
    assert code_of(described) == KafkaError.RESOURCE_NOT_FOUND


CHECKS = {
    "autoCreate": auto_create,
    "startAt": start_at,
    "outOfRange": out_of_range,
    "large": large,
    "longPoll": long_poll,
    "pattern": pattern,
    "scramUsers": scram_users,
}
