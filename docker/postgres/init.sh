#!/bin/sh
# Makes a database and a role for each user of PostgreSQL; run once, on an empty volume, by the image itself.
# The decision log belongs to a role of its own, so that the API can add to it but neither change nor drop anything.
set -eu

: "${DAGSTER_DB_PASSWORD:?}" "${MLFLOW_DB_PASSWORD:?}" "${ALERTS_DB_PASSWORD:?}"
: "${DECISIONS_DB_PASSWORD:?}" "${DECISIONS_OWNER_PASSWORD:?}"

# psql reads the passwords itself, so that they are in no list of processes.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv dagster DAGSTER_DB_PASSWORD
\getenv mlflow MLFLOW_DB_PASSWORD
\getenv alerts ALERTS_DB_PASSWORD
\getenv decisions DECISIONS_DB_PASSWORD
\getenv decisions_owner DECISIONS_OWNER_PASSWORD
create role dagster login password :'dagster';
create role mlflow login password :'mlflow';
create role alerts login password :'alerts';
create role decisions login password :'decisions';
create role decisions_owner login password :'decisions_owner';
create database dagster owner dagster;
create database mlflow owner mlflow;
create database alerts owner alerts;
create database decisions owner decisions_owner;
revoke connect, temporary on database dagster, mlflow, alerts, decisions from public;
grant connect on database decisions to decisions;
SQL
