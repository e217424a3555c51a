#!/bin/sh
# The roles of the image. Each is the same command as in docs/operate/deploy.md.
set -eu
role="${1:-api}"
[ "$#" -gt 0 ] && shift
case "$role" in
  api)        exec uvicorn service.app:create_app --factory --host 0.0.0.0 --port 8000 --no-access-log --timeout-graceful-shutdown 20 "$@" ;;
  grpc)       exec python -m service.grpc "$@" ;;
  dispatcher) exec python -m service.dispatcher "$@" ;;
  worker)     exec celery -A workers.celery_app worker --pool threads --without-gossip --without-mingle --without-heartbeat --loglevel WARNING "$@" ;;
  migrate)    exec python -m service.store.migrate "$@" ;;
  # for probes of dispatchers and workers: whether the file that they touch is younger than two minutes
  alive)      test -n "$(find "${KANTOR_ALIVE_FILE:?}" -mmin -2)" ;;
  *)          exec "$role" "$@" ;;
esac
