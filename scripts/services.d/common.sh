# shellcheck shell=bash
# What the files of this folder share. Sourced by scripts/services, never run.
#
# A file NAME.sh defines
#   SERVICE_PACKAGES=(…)    the Debian packages it needs; scripts/test installs them (TEST_PACKAGES of lib.sh)
#   service_init            makes the data in $DATA, once; runs as whoever runs the script
#   service_command         sets the array COMMAND: the server in the foreground, on 127.0.0.1:$PORT
#   service_answers         succeeds when the server takes requests
#   service_prepare         makes users and databases; may run again
#   service_variables       prints the shell assignments
# and may define service_end, which asks the server to stop (SIGTERM otherwise), and service_killed, which removes what a
# killed server left in its own way. They see
#   DIR     the service's folder: pid, port, server.log, secret (a random password)
#   DATA    the server's own folder, owned by the user that runs it
#   PORT    its port;  SECRET  the password
# and use `unprivileged COMMAND…`, which runs a command as the user that the servers run as.

SERVICES_D="$ROOT/scripts/services.d"
SERVICES_DIR="${GANTRY_SERVICES_DIR:-$ROOT/build/services}"
START_SECONDS=90

note() { printf '%s\n' "$*" >&2; }

all_services() {
  local file name
  for file in "$SERVICES_D"/*.sh; do
    name="$(basename "$file" .sh)"
    [[ $name == common ]] || printf '%s\n' "$name"
  done
}

# Servers refuse root: as root they run as nobody, else as who we are.
unprivileged() {
  if [[ $EUID -eq 0 ]]; then
    setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME=/nonexistent "$@"
  else
    "$@"
  fi
}

use_service() {
  NAME=$1
  DIR="$SERVICES_DIR/$NAME"
  # shellcheck disable=SC1090
  source "$SERVICES_D/$NAME.sh"
  if [[ -f $DIR/port ]]; then
    PORT="$(cat "$DIR/port")"
    SECRET="$(cat "$DIR/secret")"
    DATA="$(cat "$DIR/data_folder")"
  fi
}

# The server's pid; fails when it does not run. A pid that came to mean another process does not count.
running_pid() {
  local pid
  pid="$(cat "$DIR/pid" 2>/dev/null)" || return 1
  [[ -n $pid && -d /proc/$pid ]] || return 1
  [[ "$(awk '{print $22}' "/proc/$pid/stat" 2>/dev/null)" == "$(cat "$DIR/pid.start" 2>/dev/null)" ]] || return 1
  [[ "$(awk '{print $3}' "/proc/$pid/stat")" != Z ]] || return 1
  printf '%s\n' "$pid"
}

# The server and all its descendants.
tree_of() {
  local child
  printf '%s\n' "$1"
  for child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do tree_of "$child"; done
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Where the server's user may go: below $DIR, or in /var/tmp when a folder above is closed to that user.
choose_data_folder() {
  local folder="$DIR/data"
  mkdir -p "$folder"
  if ! unprivileged test -x "$folder" 2>/dev/null; then
    rmdir "$folder"
    folder="$(mktemp -d "/var/tmp/gantry-$NAME.XXXXXXXX")"
  fi
  chmod 700 "$folder"
  [[ $EUID -ne 0 ]] || chown nobody:nogroup "$folder"
  DATA=$folder
  printf '%s\n' "$folder" >"$DIR/data_folder"
}

launch() {
  local pid deadline=$((SECONDS + START_SECONDS))
  service_command
  # No descriptor of ours goes along: who reads our output would wait for the server's end.
  unprivileged setsid --fork "$BASH" -c 'echo $$ >&3; exec 3>&-; cd /; exec "$@"' server "${COMMAND[@]}" \
    3>"$DIR/pid" </dev/null >>"$DIR/server.log" 2>&1
  for ((i = 0; i < 100; i++)); do
    [[ -s $DIR/pid ]] && break
    sleep 0.05
  done
  pid="$(cat "$DIR/pid")"
  awk '{print $22}' "/proc/$pid/stat" >"$DIR/pid.start" 2>/dev/null || true
  until service_answers >/dev/null 2>&1; do
    if ! running_pid >/dev/null; then
      tail -n 20 "$DIR/server.log" >&2
      note "$NAME ended while it started; its log is $DIR/server.log"
      return 1
    fi
    if ((SECONDS >= deadline)); then
      tail -n 20 "$DIR/server.log" >&2
      note "$NAME does not answer after $START_SECONDS s; its log is $DIR/server.log"
      return 1
    fi
    sleep 0.1
  done
}

verb_start() {
  if running_pid >/dev/null; then
    note "$NAME runs on 127.0.0.1:$PORT"
  else
    local missing
    mapfile -t missing < <(missing_packages "${SERVICE_PACKAGES[@]}")
    if [[ ${#missing[@]} -gt 0 ]]; then
      note "$NAME needs Debian packages that are missing: ${missing[*]} (scripts/test installs them)"
      return 1
    fi
    mkdir -p "$DIR"
    if [[ ! -f $DIR/ready ]]; then
      discard
      mkdir -p "$DIR"
      free_port >"$DIR/port"
      (umask 077 && head -c 18 /dev/urandom | base64 | tr '+/' 'ab' >"$DIR/secret")
      PORT="$(cat "$DIR/port")"
      SECRET="$(cat "$DIR/secret")"
      choose_data_folder
      note "making $NAME in $DATA"
      service_init >>"$DIR/server.log" 2>&1 || {
        tail -n 20 "$DIR/server.log" >&2
        note "$NAME could not be made; its log is $DIR/server.log"
        return 1
      }
    fi
    launch || return 1
    service_prepare >>"$DIR/server.log" 2>&1 || {
      tail -n 20 "$DIR/server.log" >&2
      note "$NAME runs, but could not be prepared; its log is $DIR/server.log"
      return 1
    }
    touch "$DIR/ready"
    note "$NAME runs on 127.0.0.1:$PORT, its log is $DIR/server.log"
  fi
  service_variables
}

verb_env() {
  running_pid >/dev/null || { note "$NAME does not run"; return 1; }
  service_variables
}

verb_status() {
  local pid
  if pid="$(running_pid)"; then
    note "$NAME runs on 127.0.0.1:$PORT, pid $pid"
  else
    note "$NAME does not run"
  fi
}

wait_until_gone() {
  local i
  for ((i = 0; i < 300; i++)); do
    running_pid >/dev/null || return 0
    sleep 0.1
  done
  return 1
}

verb_stop() {
  local pid
  if pid="$(running_pid)"; then
    verb_resume
    if declare -F service_end >/dev/null; then service_end; else kill -TERM "$pid"; fi
    wait_until_gone || verb_kill
    note "$NAME ended"
  fi
  discard
}

verb_kill() {
  local pid i
  pid="$(running_pid)" || { note "$NAME does not run"; return 1; }
  verb_stall
  # shellcheck disable=SC2046
  kill -KILL $(tree_of "$pid") 2>/dev/null || true
  wait_until_gone || return 1
  # A zombie still has its pid, and servers take it for a living one: whoever collects it gets a moment.
  for ((i = 0; i < 50; i++)); do
    [[ -d /proc/$pid ]] || break
    sleep 0.1
  done
  if declare -F service_killed >/dev/null; then service_killed; fi
}

verb_restart() {
  if running_pid >/dev/null; then verb_kill || return 1; fi
  verb_start
}

verb_stall() {
  local pid
  pid="$(running_pid)" || { note "$NAME does not run"; return 1; }
  # The parent first, so that it starts nobody new meanwhile.
  kill -STOP "$pid"
  # shellcheck disable=SC2046
  kill -STOP $(tree_of "$pid") 2>/dev/null || true
}

verb_resume() {
  local pid
  pid="$(running_pid)" || { note "$NAME does not run"; return 1; }
  # shellcheck disable=SC2046
  kill -CONT $(tree_of "$pid") 2>/dev/null || true
}

# Removes the data and the folder; only what this script made, told by its files.
discard() {
  local folder
  folder="$(cat "$DIR/data_folder" 2>/dev/null || true)"
  if [[ -n $folder && ($folder == "$DIR/data" || $folder == /var/tmp/gantry-"$NAME".*) ]]; then rm -rf "$folder"; fi
  [[ ! -d $DIR ]] || rm -rf "$DIR"
}
