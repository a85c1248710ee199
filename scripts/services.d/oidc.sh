# shellcheck shell=bash
# An OpenID provider: npm's oidc-provider with the users and clients of tests/services/oidc. OIDC_ISSUER names it, without
# TLS, as it is on the loopback alone. OIDC_SECRET is every machine's secret (clients robot-ROLE-TENANT); OIDC_KEYS holds
# its private keys, so that tests can sign tokens as it would, and as it never would.

SERVICE_PACKAGES=()

service_init() {
  local source="$ROOT/tests/services/oidc"
  (cd "$source" && npm ci --ignore-scripts --no-audit --no-fund --silent)
  # Where the server's user may read it.
  cp -r "$source/provider.mjs" "$source/package.json" "$source/node_modules" "$DATA/"
  chmod -R go+rX "$DATA"
  [[ $EUID -ne 0 ]] || chown -R nobody:nogroup "$DATA"
}

service_command() {
  COMMAND=("$(command -v node)" "$DATA/provider.mjs" "$PORT" "$SECRET" "$DATA/keys.json")
}

service_answers() { curl -fsS -o "$DIR/discovery.json" "http://127.0.0.1:$PORT/.well-known/openid-configuration"; }

service_prepare() { cp "$DATA/keys.json" "$DIR/keys.json"; }

service_variables() {
  printf "OIDC_ISSUER='http://127.0.0.1:%s'\n" "$PORT"
  printf "OIDC_SECRET='%s'\n" "$SECRET"
  printf "OIDC_KEYS='%s'\n" "$DIR/keys.json"
}
