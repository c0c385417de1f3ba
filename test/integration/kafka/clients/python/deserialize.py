"""Reads topics with Confluent's own deserializers, which know nothing of whoever wrote them.

`deserialize.py BOOTSTRAP REGISTRY TOPIC=FORMAT…` prints a line of JSON for each topic: {"topic": …, "rows": […]}.
A value that JSON has no form of is given as [type, text].
"""
import datetime
import decimal
import importlib
import json
import pathlib
import sys
import tempfile
import uuid

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.serialization import MessageField, SerializationContext

PATIENCE_S = 30
PARTITION = 0
# Beyond it JavaScript's numbers are not exact.
SAFE = 2**53 - 1


def records(bootstrap, topic):
    """The values of a topic with one partition, up to where it ends now."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": str(uuid.uuid4()), "enable.auto.commit": False})
    place = TopicPartition(topic, PARTITION, 0)
    _, end = consumer.get_watermark_offsets(place, PATIENCE_S)
    consumer.assign([place])
    values = []
    while len(values) < end:
        message = consumer.poll(PATIENCE_S)
        if message is None or message.error():
            raise AssertionError(f"{topic}: {message and message.error()}")
        values.append(message.value())
    consumer.close()
    return values


def avro(registry, _subject):
    from confluent_kafka.schema_registry.avro import AvroDeserializer

    return AvroDeserializer(registry)


def json_schema(registry, _subject):
    from confluent_kafka.schema_registry.json_schema import JSONDeserializer

    return JSONDeserializer(None, schema_registry_client=registry)


def protobuf(registry, subject):
    """With a class that protoc makes of the registered file.

    It asks the registry itself for a compiled form of the file, which only Confluent's has: so it goes without.
    """
    from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
    from google.protobuf.json_format import MessageToDict
    import grpc_tools
    from grpc_tools import protoc

    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "rows.proto").write_text(registry.get_latest_version(subject).schema.schema_str)
    built_in = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    if protoc.main(["protoc", f"-I{folder}", f"-I{built_in}", f"--python_out={folder}", "rows.proto"]) != 0:
        raise AssertionError("protoc refuses the file")
    sys.path.insert(0, str(folder))
    rows = importlib.import_module("rows_pb2")
    [name] = rows.DESCRIPTOR.message_types_by_name
    deserialize = ProtobufDeserializer(getattr(rows, name), {"use.deprecated.format": False})
    return lambda value, context: MessageToDict(deserialize(value, context), preserving_proto_field_name=True)


FORMATS = {"avro": avro, "protobuf": protobuf, "jsonSchema": json_schema}


def plain(value):
    if isinstance(value, dict):
        return {key: plain(own) for key, own in value.items()}
    if isinstance(value, list):
        return [plain(own) for own in value]
    if isinstance(value, bytes):
        return ["bytes", value.hex()]
    if isinstance(value, (datetime.datetime, datetime.date)):
        return [type(value).__name__, value.isoformat()]
    is_wide = isinstance(value, int) and abs(value) > SAFE
    if is_wide or isinstance(value, (decimal.Decimal, uuid.UUID)):
        return [type(value).__name__, str(value)]
    return value


def main(bootstrap, url, *topics):
    registry = SchemaRegistryClient({"url": url})
    for topic, form in (argument.split("=") for argument in topics):
        deserialize = FORMATS[form](registry, f"{topic}-value")
        context = SerializationContext(topic, MessageField.VALUE)
        rows = [plain(deserialize(value, context)) for value in records(bootstrap, topic)]
        print(json.dumps({"topic": topic, "rows": rows}))


main(*sys.argv[1:])
