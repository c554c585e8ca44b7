#!/bin/sh
# Creates Hydra's role and database when Postgres starts with an empty volume. The password goes through psql's standard
# input, because the list of processes shows arguments.
set -eu
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres <<SQL
create role hydra login password '$(cat /run/secrets/hydra_db_password)';
create database hydra owner hydra;
revoke all on database hydra from public;
SQL
