# shellcheck shell=bash
# MariaDB with a database `gantry` and a user `gantry` who may make databases. MYSQL_URL is that user's, MYSQL_ADMIN_URL
# root's. The server offers TLS with a certificate that MYSQL_CA signed.

SERVICE_PACKAGES=(mariadb-server mariadb-client openssl)

service_init() {
  local tls="$DATA/tls"
  unprivileged mariadb-install-db --no-defaults --datadir="$DATA/mysql" --auth-root-authentication-method=normal \
    --skip-test-db --skip-name-resolve
  unprivileged mkdir -m 700 "$tls"
  unprivileged openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=gantry tests" \
    -keyout "$tls/ca.key" -out "$tls/ca.crt"
  unprivileged openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout "$tls/server.key" -out "$tls/server.csr"
  unprivileged "$BASH" -c 'openssl x509 -req -in "$1/server.csr" -CA "$1/ca.crt" -CAkey "$1/ca.key" -CAcreateserial \
    -days 3650 -out "$1/server.crt" -extfile <(printf "subjectAltName=DNS:localhost,IP:127.0.0.1\n")' init "$tls"
  cp "$tls/ca.crt" "$DIR/ca.crt"
  chmod 644 "$DIR/ca.crt"
}

service_command() {
  local server
  server="$(command -v mariadbd || echo /usr/sbin/mariadbd)"
  COMMAND=("$server" --no-defaults --datadir="$DATA/mysql" --socket="$DATA/mysql.sock" --pid-file="$DATA/mysql.pid"
    --bind-address=127.0.0.1 --port="$PORT" --skip-name-resolve --max-connections=150 --innodb-buffer-pool-size=128M
    --ssl-cert="$DATA/tls/server.crt" --ssl-key="$DATA/tls/server.key" --ssl-ca="$DATA/tls/ca.crt"
    --plugin-maturity=unknown --default-time-zone=+00:00)
}

# root has no password until service_prepare gave it one.
service_answers() {
  mariadb-admin --no-defaults --protocol=tcp -h 127.0.0.1 -P "$PORT" -u root --password="$SECRET" ping ||
    unprivileged mariadb-admin --no-defaults --socket="$DATA/mysql.sock" -u root ping
}

service_prepare() {
  local statements="
    CREATE DATABASE IF NOT EXISTS gantry CHARACTER SET utf8mb4;
    CREATE USER IF NOT EXISTS 'gantry'@'127.0.0.1' IDENTIFIED BY '$SECRET';
    GRANT ALL PRIVILEGES ON \`gantry%\`.* TO 'gantry'@'127.0.0.1';
    ALTER USER 'root'@'localhost' IDENTIFIED BY '$SECRET';
    CREATE USER IF NOT EXISTS 'root'@'127.0.0.1' IDENTIFIED BY '$SECRET';
    ALTER USER 'root'@'127.0.0.1' IDENTIFIED BY '$SECRET';
    GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;"
  unprivileged mariadb --no-defaults --socket="$DATA/mysql.sock" -u root --password="$SECRET" -e "$statements" ||
    unprivileged mariadb --no-defaults --socket="$DATA/mysql.sock" -u root -e "$statements"
}

service_variables() {
  printf "MYSQL_URL='mysql://gantry:%s@127.0.0.1:%s/gantry'\n" "$SECRET" "$PORT"
  printf "MYSQL_ADMIN_URL='mysql://root:%s@127.0.0.1:%s/mysql'\n" "$SECRET" "$PORT"
  printf "MYSQL_CA='%s'\n" "$DIR/ca.crt"
}
