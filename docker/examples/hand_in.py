#!/usr/bin/env python3
"""Hands documents in to Greffier: one message a file.

    python3 -m pip install pika
    python3 hand_in.py --pipeline forms lettre.pdf demande.docx

Where RabbitMQ is comes from GREFFIER_BROKER (amqp://user:password@host:5672/vhost), and what the names
of its queues begin with from GREFFIER_BROKER_PREFIX. `greffier intake` takes the documents in; what
becomes of each is heard with hear.py, by the id of its message.
"""

import argparse
import base64
import hashlib
import json
import os
import pathlib
import shutil
import sys
import time

import pika
from pika.exceptions import NackError, UnroutableError

INLINE_BYTES_MAX = 8 << 20


def content_of(path: pathlib.Path, claims: pathlib.Path | None) -> dict:
    """The bytes themselves where they are few, else where they lie in the shared folder."""
    data = path.read_bytes()
    if len(data) <= INLINE_BYTES_MAX:
        return {"inline": base64.b64encode(data).decode("ascii")}
    if claims is None:
        sys.exit(f"{path} is larger than a message may be: give --claims, the folder that greffier intake has too")
    digest = hashlib.sha256(data).hexdigest()
    shutil.copyfile(path, claims / digest)
    return {"claim": {"path": digest, "sha256": f"sha256:{digest}"}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    parser.add_argument("--pipeline", required=True)
    parser.add_argument("--source", default="/examples/hand-in", help="what your software calls itself")
    parser.add_argument("--channel", default="teleservice")
    parser.add_argument("--claims", type=pathlib.Path)
    args = parser.parse_args()

    broker = os.environ.get("GREFFIER_BROKER", "amqp://guest:guest@localhost:5672/%2F")
    prefix = os.environ.get("GREFFIER_BROKER_PREFIX", "greffier")
    connection = pika.BlockingConnection(pika.URLParameters(broker))
    channel = connection.channel()
    # The broker answers for every message: what it does not take is sent again.
    channel.confirm_delivery()
    for path in args.files:
        # Your own number of the document: the same number with the same bytes is the same document,
        # however often it is sent.
        event = {
            "specversion": "1.0",
            "id": path.name,
            "source": args.source,
            "type": "greffier.document.submitted",
            "datacontenttype": "application/json",
            "data": {
                "pipeline": args.pipeline,
                "file_name": path.name,
                "channel": args.channel,
                "content": content_of(path, args.claims),
            },
        }
        while True:
            try:
                channel.basic_publish(
                    exchange=f"{prefix}.intake",
                    routing_key="",
                    body=json.dumps(event).encode("utf-8"),
                    properties=pika.BasicProperties(
                        content_type="application/cloudevents+json", delivery_mode=2, message_id=event["id"]
                    ),
                    mandatory=True,
                )
                break
            except NackError:
                # The queue is full: Greffier has enough to do for now.
                time.sleep(5)
            except UnroutableError:
                sys.exit(f"no queue takes it: is `greffier intake` at work with --prefix {prefix}?")
        print(event["id"])
    connection.close()


if __name__ == "__main__":
    main()
