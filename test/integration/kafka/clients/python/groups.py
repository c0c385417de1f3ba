"""Groups of librdkafka's consumers."""
import threading

from checks import PATIENCE_S, fresh, make_consumer, make_topic, send, take, until, values
from confluent_kafka import KafkaException, TopicPartition


class Member:
    """One member of a group in a thread of its own: what it owns, what it has read, what was taken from it."""

    def __init__(self, group, topic, read=None, **settings):
        self.read = read if read is not None else []
        self.consumer = make_consumer(group, **settings)
        self.is_cooperative = "cooperative" in settings.get("partition_assignment_strategy", "")
        self.owned = set()
        self.revoked = 0
        self.assignments = 0
        self.error = None
        self.is_leaving = False
        self.consumer.subscribe([topic], on_assign=self.on_assign, on_revoke=self.on_revoke)
        # A check that fails must not be kept alive by the members it leaves behind.
        self.thread = threading.Thread(target=self.poll, daemon=True)
        self.thread.start()

    def on_assign(self, _consumer, partitions):
        self.assignments += 1
        self.owned = self.owned | {each.partition for each in partitions}

    def on_revoke(self, _consumer, partitions):
        if not self.is_leaving:
            self.revoked += len(partitions)
        self.owned = self.owned - {each.partition for each in partitions}

    def poll(self):
        try:
            while not self.is_leaving:
                messages = self.consumer.consume(100, 0.05)
                for message in messages:
                    if message.error() is not None:
                        raise KafkaException(message.error())
                    self.read.append(message.value())
                if messages:
                    self.consumer.commit(asynchronous=False)
            self.consumer.close()
        except BaseException as error:
            self.error = error

    def close(self):
        self.is_leaving = True
        self.thread.join()
        if self.error is not None:
            raise self.error


CLASSIC = {"group_protocol": "classic", "heartbeat_interval_ms": 100, "session_timeout_ms": 10000}
NEWER = {"group_protocol": "consumer"}


def is_shared(members, each):
    owned = [member.owned for member in members]
    return all(len(one) == each for one in owned) and len(set().union(*owned)) == each * len(members)


def share(settings):
    """Every partition has one owner whoever comes and goes, and every record is read."""
    topic = make_topic(6)
    group = fresh("group")
    read = []
    members = []
    try:
        for _ in range(3):
            members.append(Member(group, topic, read, **settings))
        until("two partitions each", lambda: is_shared(members, 2))
        for partition in range(6):
            send(topic, [f"a{partition}-{i}" for i in range(50)], partition)
        until("all are read", lambda: len(read) >= 300)
        members.pop(0).close()
        until("three partitions each", lambda: is_shared(members, 3))
        send(topic, [f"b{i}" for i in range(60)])
        until("all are read", lambda: len(read) >= 360)
        assert len(read) == len(set(read)) == 360, (len(read), len(set(read)))
    finally:
        for member in members:
            member.close()


def resume(settings):
    topic = make_topic()
    group = fresh("group")
    send(topic, ["early 0", "early 1", "early 2"])
    first = make_consumer(group, **settings)
    first.subscribe([topic])
    take(first, 3)
    first.commit(asynchronous=False)
    first.close()
    send(topic, ["late 0", "late 1"])
    second = make_consumer(group, **settings)
    second.subscribe([topic])
    assert values(take(second, 2)) == ["late 0", "late 1"]
    assert second.committed([TopicPartition(topic, 0)], timeout=PATIENCE_S)[0].offset == 3
    second.close()


def cooperative():
    topic = make_topic(6)
    group = fresh("group")
    settings = {**CLASSIC, "partition_assignment_strategy": "cooperative-sticky"}
    first = Member(group, topic, **settings)
    until("it owns all", lambda: len(first.owned) == 6)
    second = Member(group, topic, **settings)
    until("three each", lambda: is_shared([first, second], 3))
    assert (first.revoked, second.revoked) == (3, 0), (first.revoked, second.revoked)
    second.close()
    until("it owns all again", lambda: len(first.owned) == 6)
    first.close()


def static_member():
    topic = make_topic(4)
    group = fresh("group")
    stays = Member(group, topic, **CLASSIC, group_instance_id="one")
    goes = Member(group, topic, **CLASSIC, group_instance_id="two")
    until("two each", lambda: is_shared([stays, goes], 2))
    had, assignments = goes.owned, stays.assignments
    goes.close()
    back = Member(group, topic, **CLASSIC, group_instance_id="two")
    until("it is back", lambda: len(back.owned) == 2)
    assert back.owned == had, (back.owned, had)
    assert stays.assignments == assignments, "the other one was assigned anew"
    back.close()
    stays.close()


def newer_protocol():
    share(NEWER)
    resume(NEWER)


CHECKS = {
    "group": lambda: share(CLASSIC),
    "resume": lambda: resume(CLASSIC),
    "cooperative": cooperative,
    "staticMember": static_member,
    "kip848": newer_protocol,
}
