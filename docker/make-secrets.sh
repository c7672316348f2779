#!/bin/sh
# Makes docker/secrets/: passwords nobody knows, as the files that compose.yaml hands to containers.
# What is there is left as it is. Keep a copy elsewhere: the database does not open without.
set -eu
cd "$(dirname "$0")"
if [ -e secrets ]; then
    echo "docker/secrets is there: it is left as it is" >&2
    exit 0
fi
# Containers read them as users of their own; the folder keeps everyone else of this machine out.
umask 022
mkdir -m 0700 secrets
drawn() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
database=$(drawn)
broker=$(drawn)
printf '%s' "$database" > secrets/database_password
printf 'postgres://greffier:%s@postgres:5432/greffier\n' "$database" > secrets/database_url
printf 'default_user = greffier\ndefault_pass = %s\n' "$broker" > secrets/broker_user.conf
printf 'amqp://greffier:%s@rabbitmq:5672\n' "$broker" > secrets/broker_url
