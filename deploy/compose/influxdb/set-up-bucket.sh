#!/bin/bash
# Run once by the image after its set-up: lets InfluxQL find the bucket under a database's name (DBRP mapping), and gives it
# shards as long as INFLUX_SHARD_DAYS has them: questions that look far back look into every shard.
set -euo pipefail
influx v1 dbrp create \
  --db "$DOCKER_INFLUXDB_INIT_BUCKET" --rp autogen --default \
  --bucket-id "$DOCKER_INFLUXDB_INIT_BUCKET_ID" \
  --org "$DOCKER_INFLUXDB_INIT_ORG" --token "$DOCKER_INFLUXDB_INIT_ADMIN_TOKEN"
influx bucket update \
  --id "$DOCKER_INFLUXDB_INIT_BUCKET_ID" --shard-group-duration 28d \
  --token "$DOCKER_INFLUXDB_INIT_ADMIN_TOKEN"
