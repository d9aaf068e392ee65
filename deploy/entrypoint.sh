#!/bin/sh
# Runs the role named by the first argument, else by CITYSENSE_ROLE. `--health` asks the one that runs in this container.
set -eu
case "${1:-}" in
  '' | -*) role=${CITYSENSE_ROLE:-all-in-one} ;;
  *)
    role=$1
    shift
    ;;
esac
if [ "${1:-}" = --health ]; then
  # The role that runs here as process 1 may have been given as an argument.
  for word in $(tr '\0' ' ' < /proc/1/cmdline); do
    case "$word" in all-in-one | gateway | pipeline | notifier | api) role=$word ;; esac
  done
fi
set -- --enable-source-maps /citysense/dist/apps/main.js "$role" "$@"
[ $$ = 1 ] || exec node "$@"

# Process 1 hears only what it has asked for: as such node would miss a SIGTERM that comes before it has begun.
child=
stopping=
trap 'stopping=1; [ -z "$child" ] || kill -TERM "$child" || true' TERM INT
node "$@" &
child=$!
[ -z "$stopping" ] || kill -TERM "$child"
status=0
# A signal ends the waiting, not what is waited for.
while kill -0 "$child" 2>/dev/null; do
  status=0
  wait "$child" || status=$?
done
exit "$status"
