#!/usr/bin/env python3
"""Hears what becomes of documents: one line of JSON an event.

    python3 -m pip install pika
    python3 hear.py                          # everything
    python3 hear.py document.routed 'alert.*'

Events carry references, decisions and the id of the message that brought the document; never its
content or anybody's name. An event may come twice, with the same source and id: do twice what may be done
twice, or keep the ids. The queue is durable and yours: what happens while you are away waits in it.
"""

import argparse
import json
import os

import pika


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patterns", nargs="*", default=["#"], help="such as document.routed, document.*, alert.raised")
    parser.add_argument("--queue", default="examples.hear")
    parser.add_argument("--count", type=int, help="end after so many")
    args = parser.parse_args()

    broker = os.environ.get("GREFFIER_BROKER", "amqp://guest:guest@localhost:5672/%2F")
    prefix = os.environ.get("GREFFIER_BROKER_PREFIX", "greffier")
    connection = pika.BlockingConnection(pika.URLParameters(broker))
    channel = connection.channel()
    channel.queue_declare(args.queue, durable=True, arguments={"x-queue-type": "quorum"})
    for pattern in args.patterns:
        channel.queue_bind(args.queue, exchange=f"{prefix}.results", routing_key=pattern)
    channel.basic_qos(prefetch_count=16)
    heard = 0
    for method, _properties, body in channel.consume(args.queue):
        event = json.loads(body)
        print(json.dumps(event, ensure_ascii=False), flush=True)
        # What you do with it is durable by now.
        channel.basic_ack(method.delivery_tag)
        heard += 1
        if args.count is not None and heard >= args.count:
            break
    channel.cancel()
    connection.close()


if __name__ == "__main__":
    main()
