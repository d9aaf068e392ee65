#!/bin/bash
# Run once by the image after its set-up: lets InfluxQL find the bucket under a database's name (DBRP mapping).
set -euo pipefail
influx v1 dbrp create \
  --db "$DOCKER_INFLUXDB_INIT_BUCKET" --rp autogen --default \
  --bucket-id "$DOCKER_INFLUXDB_INIT_BUCKET_ID" \
  --org "$DOCKER_INFLUXDB_INIT_ORG" --token "$DOCKER_INFLUXDB_INIT_ADMIN_TOKEN"
