# shellcheck shell=bash
# Redis 7 with a password, plain and with TLS, its data in memory alone. REDIS_URL is plain, REDIS_TLS_URL the same
# server over TLS; REDIS_CA the authority that signed its certificate for `localhost` and 127.0.0.1.

SERVICE_PACKAGES=(redis-server redis-tools openssl)

service_init() {
  local tls="$DATA/tls"
  free_port >"$DIR/tls_port"
  unprivileged mkdir -m 700 "$tls"
  unprivileged openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=gantry tests" \
    -keyout "$tls/ca.key" -out "$tls/ca.crt"
  unprivileged openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" \
    -keyout "$tls/server.key" -out "$tls/server.csr"
  unprivileged "$BASH" -c 'openssl x509 -req -in "$1/server.csr" -CA "$1/ca.crt" -CAkey "$1/ca.key" -CAcreateserial \
    -days 3650 -out "$1/server.crt" -extfile <(printf "subjectAltName=DNS:localhost,IP:127.0.0.1\n")' init "$tls"
  cp "$tls/ca.crt" "$DIR/ca.crt"
  chmod 644 "$DIR/ca.crt"
  # A file, so that the password is in no list of processes.
  unprivileged "$BASH" -c 'umask 077; printf "%s\n" "${@:2}" >"$1"' init "$DATA/redis.conf" \
    "bind 127.0.0.1" "port $PORT" "tls-port $(cat "$DIR/tls_port")" "requirepass $SECRET" "dir $DATA" \
    "tls-cert-file $tls/server.crt" "tls-key-file $tls/server.key" "tls-ca-cert-file $tls/ca.crt" "tls-auth-clients no" \
    'save ""' "appendonly no" "maxclients 1000"
}

service_command() { COMMAND=(/usr/bin/redis-server "$DATA/redis.conf"); }

service_answers() { [[ "$(REDISCLI_AUTH="$SECRET" redis-cli -h 127.0.0.1 -p "$PORT" ping)" == PONG ]]; }

service_prepare() { :; }

service_variables() {
  printf "REDIS_URL='redis://:%s@127.0.0.1:%s/0'\n" "$SECRET" "$PORT"
  printf "REDIS_TLS_URL='rediss://:%s@127.0.0.1:%s/0?ca=%s'\n" "$SECRET" "$(cat "$DIR/tls_port")" "$DIR/ca.crt"
  printf "REDIS_CA='%s'\n" "$DIR/ca.crt"
}
