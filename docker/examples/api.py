#!/usr/bin/env python3
"""What other software does with Greffier: hands documents in, follows them, searches, decides.

    API_TOKEN=… python3 api.py hand-in forms lettre.pdf
    API_TOKEN=… python3 api.py list --service voirie
    API_TOKEN=… python3 api.py search "aide pour le chauffage"
    API_TOKEN=… python3 api.py accept doc_…

API_URL is where it answers, else http://127.0.0.1:8080. The token is made by
`greffier users tokens ACCOUNT --add LABEL --for read --for decide --for hand-in`. Nothing to install.
"""

import argparse
import base64
import hashlib
import json
import mimetypes
import os
import pathlib
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

BASE = os.environ.get("API_URL", "http://127.0.0.1:8080") + "/api/v1"


def ask(method: str, path: str, body: dict | None = None, **headers: str):
    """The answer, and its entity tag. Problems are told as they come (RFC 9457)."""
    request = urllib.request.Request(BASE + path, method=method)
    request.add_header("Authorization", "Bearer " + os.environ["API_TOKEN"])
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    for _ in range(5):
        try:
            with urllib.request.urlopen(request, data) as answer:
                return json.load(answer), answer.headers.get("ETag")
        except urllib.error.HTTPError as error:
            problem = json.load(error)
            # Slowed, or busy: the same again, later. What changes something carries a key.
            if error.code not in (429, 503):
                sys.exit(f"{problem['title']}: {problem['detail']} ({problem['code']})")
            time.sleep(int(error.headers.get("Retry-After", "2")))
    sys.exit("no answer")


def hand_in(pipeline: str, file: pathlib.Path) -> None:
    data = file.read_bytes()
    submission = {
        "pipeline": pipeline,
        "file_name": file.name,
        "media_type": mimetypes.guess_type(file.name)[0] or "application/octet-stream",
        "content": {"inline": base64.b64encode(data).decode("ascii")},
    }
    key = hashlib.sha256(data).hexdigest()[:32]
    handed, _ = ask("POST", "/documents", submission, Idempotency_Key=key)
    print(handed["id"], "new" if handed["new"] else "here already")
    while True:
        document, _ = ask("GET", "/documents/" + handed["id"])
        if document["state"] != "processing":
            break
        time.sleep(1)
    print(json.dumps(document, ensure_ascii=False, indent=2))


def documents(service: str | None):
    """All documents, page by page."""
    query = {"limit": "100"} | ({"service": service} if service else {})
    while True:
        page, _ = ask("GET", "/documents?" + urllib.parse.urlencode(query))
        yield from page["items"]
        if "next" not in page:
            return
        query["after"] = page["next"]


def accept(document: str) -> None:
    seen, tag = ask("GET", "/documents/" + document)
    print("proposed:", seen.get("service"))
    decided, _ = ask(
        "POST",
        f"/documents/{document}/decision",
        {"decision": "accept"},
        If_Match=tag,
        Idempotency_Key="accept-" + tag.strip('"'),
    )
    print(json.dumps(decided, ensure_ascii=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("hand-in")
    one.add_argument("pipeline")
    one.add_argument("file", type=pathlib.Path)
    one = commands.add_parser("list")
    one.add_argument("--service")
    one = commands.add_parser("search")
    one.add_argument("words")
    one = commands.add_parser("accept")
    one.add_argument("document")
    args = parser.parse_args()
    match args.command:
        case "hand-in":
            hand_in(args.pipeline, args.file)
        case "list":
            for document in documents(args.service):
                print(document["received_at"], document["id"], document.get("service", "-"), document.get("name", ""))
        case "search":
            found, _ = ask("GET", "/search?" + urllib.parse.urlencode({"q": args.words}))
            for hit in found["hits"]:
                print(hit["document"], hit["name"], hit["snippet"].replace("\n", " "))
        case "accept":
            accept(args.document)


if __name__ == "__main__":
    main()
