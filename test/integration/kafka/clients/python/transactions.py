"""Transactions of librdkafka's producers."""
from checks import PATIENCE_S, assigned, fresh, make_consumer, make_producer, make_topic, send, take, values
from confluent_kafka import KafkaError, KafkaException, TopicPartition


def producer_of(transactional_id):
    producer = make_producer(transactional_id=transactional_id)
    producer.init_transactions(PATIENCE_S)
    return producer


def write(producer, topic, prefix, commits):
    producer.begin_transaction()
    for i in range(6):
        producer.produce(topic, f"{prefix}{i}", partition=i % 2)
    producer.flush(PATIENCE_S)
    if commits:
        producer.commit_transaction(PATIENCE_S)
    else:
        producer.abort_transaction(PATIENCE_S)


def transactions():
    topic = make_topic(2)
    producer = producer_of(fresh("txn"))
    write(producer, topic, "a", True)
    write(producer, topic, "b", False)
    write(producer, topic, "c", True)
    producer.begin_transaction()
    producer.produce(topic, "open", partition=0)
    producer.flush(PATIENCE_S)
    everything = assigned(topic, 2, isolation_level="read_uncommitted")
    take(everything, 19)
    everything.close()
    committed = assigned(topic, 2, isolation_level="read_committed")
    seen = values(take(committed, 12))
    assert {each[0] for each in seen} == {"a", "c"}, seen
    assert committed.consume(1, 0.3) == [], "an open transaction is seen"
    producer.commit_transaction(PATIENCE_S)
    assert values(take(committed, 1)) == ["open"]
    committed.close()


def transaction_offsets():
    source, target = make_topic(), make_topic()
    send(source, [f"v{i}" for i in range(10)])
    consumer = make_consumer(fresh("group"))
    consumer.subscribe([source])
    take(consumer, 10)
    producer = producer_of(fresh("txn"))
    for commits, offset, expected in [(False, 5, -1001), (True, 10, 10)]:
        producer.begin_transaction()
        producer.produce(target, f"result {commits}")
        metadata = consumer.consumer_group_metadata()
        producer.send_offsets_to_transaction([TopicPartition(source, 0, offset)], metadata, PATIENCE_S)
        if commits:
            producer.commit_transaction(PATIENCE_S)
        else:
            producer.abort_transaction(PATIENCE_S)
        committed = consumer.committed([TopicPartition(source, 0)], timeout=PATIENCE_S)[0].offset
        assert committed == expected, (commits, committed)
    consumer.close()
    reader = assigned(target, isolation_level="read_committed")
    assert values(take(reader, 1)) == ["result True"]
    reader.close()


def fencing():
    topic = make_topic()
    transactional_id = fresh("txn")
    first = producer_of(transactional_id)
    first.begin_transaction()
    first.produce(topic, "first")
    first.flush(PATIENCE_S)
    second = producer_of(transactional_id)
    second.begin_transaction()
    second.produce(topic, "second")
    second.commit_transaction(PATIENCE_S)
    try:
        first.commit_transaction(PATIENCE_S)
        raise AssertionError("the first producer could commit")
    except KafkaException as error:
        assert error.args[0].fatal(), error
        assert error.args[0].code() in (KafkaError._FENCED, KafkaError.PRODUCER_FENCED), error
    reader = assigned(topic, isolation_level="read_committed")
    assert values(take(reader, 1)) == ["second"]
    reader.close()


CHECKS = {"transactions": transactions, "transactionOffsets": transaction_offsets, "fencing": fencing}
