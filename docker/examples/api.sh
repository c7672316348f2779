#!/bin/sh
# Hands a document in, waits until it is read, and says where it is proposed to go.
#
#   API_TOKEN=… ./api.sh forms lettre.pdf
#
# API_URL is where Greffier answers, else http://127.0.0.1:8080. The token is made by
# `greffier users tokens ACCOUNT --add LABEL --for read --for hand-in`.
set -eu

url="${API_URL:-http://127.0.0.1:8080}/api/v1"
pipeline="$1"
file="$2"

ask() {
    # The token is in no list of processes: curl reads it from standard input.
    printf 'header = "Authorization: Bearer %s"\n' "$API_TOKEN" | curl --silent --show-error --fail-with-body --config - "$@"
}

# The same key again is answered as before: send it until there is an answer.
key="$(sha256sum "$file" | cut -c1-32)"
handed="$(ask --retry 5 -H "Idempotency-Key: $key" -F "pipeline=$pipeline" -F "file=@$file" "$url/documents")"
id="$(printf '%s' "$handed" | sed 's/.*"id":"\([^"]*\)".*/\1/')"
echo "$id"

for _ in $(seq 60); do
    document="$(ask "$url/documents/$id")"
    case "$document" in
        *'"state":"processing"'*) sleep 1 ;;
        *) break ;;
    esac
done
printf '%s\n' "$document"
ask "$url/documents/$id/why?lang=fr"
echo
