#!/bin/sh
# Hydra's own role and database, made when Postgres starts with an empty volume. The password goes through psql's standard
# input: an argument would be seen in the list of processes.
set -eu
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres <<SQL
create role hydra login password '$(cat /run/secrets/hydra_db_password)';
create database hydra owner hydra;
revoke all on database hydra from public;
SQL
