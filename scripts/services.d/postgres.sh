# shellcheck shell=bash
# PostgreSQL 15 with TLS, a database `gantry` and a user `gantry` who is no superuser (superusers pass by row-level
# security). POSTGRES_URL is that user's; POSTGRES_ADMIN_URL the superuser's; POSTGRES_CA the authority that signed the
# server's certificate for `localhost` and 127.0.0.1.

SERVICE_PACKAGES=(postgresql openssl)
PG_BIN=/usr/lib/postgresql/15/bin

service_init() {
  local password="$DATA/password" tls="$DATA/tls"
  unprivileged "$BASH" -c 'umask 077; printf "%s\n" "$1" >"$2"' init "$SECRET" "$password"
  unprivileged "$PG_BIN/initdb" --pgdata="$DATA/cluster" --username=postgres --pwfile="$password" \
    --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --no-instructions
  unprivileged rm "$password"
  unprivileged mkdir -m 700 "$tls"
  unprivileged openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=gantry tests" \
    -keyout "$tls/ca.key" -out "$tls/ca.crt"
  unprivileged openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" \
    -keyout "$tls/server.key" -out "$tls/server.csr"
  unprivileged "$BASH" -c 'openssl x509 -req -in "$1/server.csr" -CA "$1/ca.crt" -CAkey "$1/ca.key" -CAcreateserial \
    -days 3650 -out "$1/server.crt" -extfile <(printf "subjectAltName=DNS:localhost,IP:127.0.0.1\n")' init "$tls"
  cp "$tls/ca.crt" "$DIR/ca.crt"
  chmod 644 "$DIR/ca.crt"
}

service_command() {
  COMMAND=("$PG_BIN/postgres" -D "$DATA/cluster" -p "$PORT" -c listen_addresses=127.0.0.1 -c unix_socket_directories=
    -c ssl=on -c "ssl_cert_file=$DATA/tls/server.crt" -c "ssl_key_file=$DATA/tls/server.key"
    -c shared_preload_libraries=pg_stat_statements -c max_connections=150 -c "shared_buffers=${GANTRY_POSTGRES_CACHE:-128MB}" -c max_wal_size=4GB -c timezone=UTC)
}

service_answers() { "$PG_BIN/pg_isready" -q -h 127.0.0.1 -p "$PORT"; }

# SIGINT: open transactions are rolled back and connections closed; SIGTERM would wait for clients.
service_end() { kill -INT "$(running_pid)"; }

service_killed() { unprivileged rm -f "$DATA/cluster/postmaster.pid"; }

service_prepare() {
  local admin="postgresql://postgres:$SECRET@127.0.0.1:$PORT/postgres"
  local ask=("$PG_BIN/psql" -X -q -t -A -v ON_ERROR_STOP=1 "$admin" -c)
  if [[ -z "$("${ask[@]}" "SELECT 1 FROM pg_roles WHERE rolname = 'gantry'")" ]]; then
    "${ask[@]}" "CREATE ROLE gantry LOGIN CREATEDB PASSWORD '$SECRET'"
  fi
  if [[ -z "$("${ask[@]}" "SELECT 1 FROM pg_database WHERE datname = 'gantry'")" ]]; then
    "${ask[@]}" "CREATE DATABASE gantry OWNER gantry"
  fi
}

service_variables() {
  printf "POSTGRES_URL='postgresql://gantry:%s@127.0.0.1:%s/gantry'\n" "$SECRET" "$PORT"
  printf "POSTGRES_ADMIN_URL='postgresql://postgres:%s@127.0.0.1:%s/postgres'\n" "$SECRET" "$PORT"
  printf "POSTGRES_CA='%s'\n" "$DIR/ca.crt"
}
