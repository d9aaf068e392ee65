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
exec node --enable-source-maps /citysense/dist/apps/main.js "$role" "$@"
