# shellcheck shell=bash
# A server that speaks MongoDB's protocol: the machine's mongod when it has one (Debian packages none), else FerretDB on
# SQLite files, built from tests/services/ferretdb with Go 1.22 or later. MONGO_URL names it; neither asks for a password,
# so both listen on the loopback alone.

SERVICE_PACKAGES=()
if ! command -v mongod >/dev/null && ! find_go >/dev/null; then SERVICE_PACKAGES=("$GO_PACKAGE"); fi

service_init() {
  local go
  unprivileged mkdir -m 700 "$DATA/db"
  command -v mongod >/dev/null && return
  go="$(find_go)"
  # Where the server's user may run it; the build itself comes from Go's cache the next time.
  (cd "$ROOT/tests/services/ferretdb" &&
    GOTOOLCHAIN=local GOFLAGS=-mod=readonly "$go" build -trimpath -buildvcs=false -o "$DIR/ferretdb" .)
  install -m 755 "$DIR/ferretdb" "$DATA/ferretdb"
  rm "$DIR/ferretdb"
}

service_command() {
  if [[ -x $DATA/ferretdb ]]; then
    # It would ask the network for news of itself.
    COMMAND=(env DO_NOT_TRACK=1 "$DATA/ferretdb" "127.0.0.1:$PORT" "$DATA/db")
  else
    COMMAND=("$(command -v mongod)" --dbpath "$DATA/db" --bind_ip 127.0.0.1 --port "$PORT" --wiredTigerCacheSizeGB 0.5
      --nounixsocket)
  fi
}

# Asks with `hello`, as a client would: an OP_MSG whose document is {hello: 1, $db: "admin"}.
service_answers() {
  python3 - "$PORT" <<'PYTHON'
import socket, struct, sys
document = b"\x10hello\x00" + struct.pack("<i", 1) + b"\x02$db\x00" + struct.pack("<i", 6) + b"admin\x00\x00"
body = struct.pack("<i", 0) + b"\x00" + struct.pack("<i", len(document) + 4) + document
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=2) as server:
    server.sendall(struct.pack("<iiii", 16 + len(body), 1, 0, 2013) + body)
    assert b"maxWireVersion" in server.recv(65536)
PYTHON
}

service_killed() { unprivileged rm -f "$DATA/db/mongod.lock"; }

service_prepare() { :; }

service_variables() { printf "MONGO_URL='mongodb://127.0.0.1:%s/gantry'\n" "$PORT"; }
