"""TLS and SASL of librdkafka, by three addresses of one broker.

`security.py SSL SASL_SSL SASL_PLAINTEXT CA STRANGER_CA USER PASSWORD FEATURE…`; what it prints is what checks.py prints.
"""
import sys
import time
import uuid

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from outcomes import run_checks

SSL, SASL_SSL, SASL_PLAINTEXT, CA, STRANGER_CA, USER, PASSWORD = sys.argv[1:8]
PATIENCE_S = 30
MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


def tls(protocol, authority=CA):
    return {"security.protocol": protocol, "ssl.ca.location": authority}


def sasl(mechanism, password=PASSWORD):
    return {"sasl.mechanism": mechanism, "sasl.username": USER, "sasl.password": password}


def round_trip(address, settings):
    topic = f"rdkafka-{uuid.uuid4()}"
    failures = []
    producer = Producer({"bootstrap.servers": address, **settings})
    producer.produce(topic, "secret", on_delivery=lambda error, _: failures.append(error) if error else None)
    assert producer.flush(PATIENCE_S) == 0 and not failures, failures
    consumer = Consumer({"bootstrap.servers": address, "group.id": topic, **settings})
    consumer.assign([TopicPartition(topic, 0, 0)])
    message = consumer.poll(PATIENCE_S)
    assert message is not None and message.error() is None and message.value() == b"secret", message
    consumer.close()


def refused(address, settings, code):
    errors = []
    producer = Producer({"bootstrap.servers": address, "error_cb": errors.append, "log_level": 0, **settings})
    end = time.monotonic() + PATIENCE_S
    while code not in [error.code() for error in errors]:
        assert time.monotonic() < end, [str(error) for error in errors]
        producer.poll(0.05)


def everywhere(mechanism):
    round_trip(SASL_SSL, {**tls("SASL_SSL"), **sasl(mechanism)})
    round_trip(SASL_PLAINTEXT, {"security.protocol": "SASL_PLAINTEXT", **sasl(mechanism)})


def trust():
    round_trip(SSL, tls("SSL"))
    refused(SSL, tls("SSL", STRANGER_CA), KafkaError._SSL)


def scram():
    everywhere("SCRAM-SHA-256")
    everywhere("SCRAM-SHA-512")


def wrong_password():
    for mechanism in MECHANISMS:
        refused(SASL_SSL, {**tls("SASL_SSL"), **sasl(mechanism, "guessed")}, KafkaError._AUTHENTICATION)


CHECKS = {"tls": trust, "saslPlain": lambda: everywhere("PLAIN"), "saslScram": scram, "wrongPassword": wrong_password}
run_checks(CHECKS, sys.argv[8:])
