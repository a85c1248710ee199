# shellcheck shell=bash
# What the scripts share: where things are, how they speak, and how missing Debian packages are installed.
# Sourced, never run.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# What building and running need; a line each for what needs it.
BUILD_PACKAGES=(
  g++ cmake ninja-build pkg-config ccache mold                 # the compiler and its friends
  libboost1.81-dev libssl-dev                                  # HTTP, hashing
  libsqlite3-dev                                               # the embedded index
  libpq-dev                                                    # PostgreSQL
  libmariadb-dev                                               # MariaDB, MySQL
  libmongoc-dev                                                # MongoDB
  libhiredis-dev                                               # Redis
  zlib1g-dev libzstd-dev libicu-dev libsimdjson-dev libpugixml-dev  # DICOM, JSON, XML
  libcurl4-openssl-dev libcli11-dev                            # the command line
  libcjose-dev                                                 # signed tokens
  libspdlog-dev libfmt-dev libtomlplusplus-dev                 # logs, configuration
  libjpeg62-turbo-dev libdcmtk-dev libcharls-dev               # JPEG, lossless JPEG, JPEG-LS
  libopenjp2-7-dev libopenjph-dev libjxl-dev                   # JPEG 2000, HTJ2K, JPEG XL
  libpng-dev libgif-dev liblcms2-dev                           # pictures and their colours
  libfreetype-dev fonts-dejavu-core fonts-droid-fallback       # text on them
  libseccomp-dev                                               # what codec processes may do
)

# What the tests need beside it.
TEST_PACKAGES=(
  libgtest-dev libgmock-dev                                    # C++ tests
  clang-14 libclang-rt-14-dev                                  # fuzz targets
  python3-venv dcmtk                                           # Python tests, and the DICOM toolkit as the oracle
  curl strace procps                                           # clients, and what the kernel sees
  postgresql mariadb-server mariadb-client openssl             # servers of scripts/services, never started as services
  redis-server redis-tools                                     # another one, and its command line
  chromium                                                     # a viewer in a real browser
)
# Node.js drives the browser. Its own packages bring npm along, Debian's do not: what is there is good enough.
command -v node >/dev/null || TEST_PACKAGES+=(nodejs)
command -v npm >/dev/null || TEST_PACKAGES+=(npm)

# Where the machine has no mongod, FerretDB stands in, which is built with Go 1.22 or later; Debian 12 has one in its
# backports alone.
GO_PACKAGE=golang-1.23-go
# Prints a Go that is new enough.
find_go() {
  local go
  for go in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go-1.*/bin/go; do
    [[ -x $go && "$(GOTOOLCHAIN=local "$go" env GOVERSION)" =~ ^go1\.([0-9]+) ]] || continue
    ((BASH_REMATCH[1] >= 22)) || continue
    printf '%s\n' "$go"
    return
  done
  return 1
}
if ! command -v mongod >/dev/null && ! find_go >/dev/null; then TEST_PACKAGES+=("$GO_PACKAGE"); fi

say() { printf '\n==> %s\n' "$*"; }
die() {
  printf '\n%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "this step needs root and there is no sudo; run as root: $*"
  fi
}

# Prints those of the given packages that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    [[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] || printf '%s\n' "$package"
  done
}

# Packages of servers would start them. While this guard is up, no package starts a service (Debian policy, invoke-rc.d).
# An existing policy is the machine's own and stays as it is.
POLICY=/usr/sbin/policy-rc.d
POLICY_IS_OURS=no
guard_services() {
  [[ -e $POLICY ]] && return
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
  as_root chmod 755 "$POLICY"
  POLICY_IS_OURS=yes
  trap unguard_services EXIT
}
unguard_services() {
  [[ $POLICY_IS_OURS == yes ]] || return 0
  as_root rm -f "$POLICY"
  POLICY_IS_OURS=no
}

# Adds the backports of the Debian that apt takes its packages from.
add_backports() {
  local from
  from="$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' | awk '$2 == "bookworm" {print $1; exit}')"
  [[ -n $from ]] || die "$GO_PACKAGE is in Debian 12's backports, and apt's sources name no Debian 12 to find them by"
  say "Adding bookworm-backports to apt's sources (/etc/apt/sources.list.d/gantry-backports.list)"
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s bookworm-backports main\n' "$from" |
    as_root tee /etc/apt/sources.list.d/gantry-backports.list >/dev/null
  as_root apt-get update -qq
}

# install_packages PACKAGE…: installs what is missing, nothing else, and asks before anything would be removed.
install_packages() {
  local missing removed answer
  mapfile -t missing < <(missing_packages "$@")
  if [[ ${#missing[@]} -eq 0 ]]; then
    echo "all $# Debian packages are there"
    return
  fi
  command -v apt-get >/dev/null || die "needs Debian 12 packages that are missing here: ${missing[*]}"
  say "Installing ${#missing[@]} of $# Debian packages: ${missing[*]}"
  as_root apt-get update -qq
  if [[ " ${missing[*]} " == *" $GO_PACKAGE "* ]] && ! apt-cache show "$GO_PACKAGE" >/dev/null 2>&1; then add_backports; fi
  local plan
  plan="$(apt-get -s install --no-install-recommends "${missing[@]}")" || die "apt can't install ${missing[*]} (see above)"
  removed="$(awk '/^Remv /{print $2}' <<<"$plan" | paste -sd' ')"
  if [[ -n $removed ]]; then
    echo "This would REMOVE packages that you have: $removed"
    [[ $removed == *libboost1.74* ]] && echo "(libboost1.81-dev can't be installed beside libboost1.74-dev.)"
    if [[ ${GANTRY_MAY_REMOVE_PACKAGES:-} == yes ]]; then
      echo "GANTRY_MAY_REMOVE_PACKAGES=yes: going on."
    elif [[ -t 0 ]]; then
      read -r -p "Remove them? [y/N] " answer
      [[ $answer == [yY]* ]] || die "nothing was changed"
    else
      die "nothing was changed. Remove them yourself, or run again with GANTRY_MAY_REMOVE_PACKAGES=yes"
    fi
  fi
  guard_services
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
  unguard_services
}

# Compile jobs: a core each, but a heavy file takes about 1 GB of memory.
compile_jobs() {
  local cores memory_gb
  cores="$(nproc)"
  memory_gb="$(awk '/^MemAvailable/{print int($2 / 1048576)}' /proc/meminfo)"
  ((memory_gb < 1)) && memory_gb=1
  echo $((cores < memory_gb ? cores : memory_gb))
}

# build_preset PRESET [TARGET…]: configures build/PRESET when needed, and builds.
build_preset() {
  local preset=$1
  shift
  say "Building build/$preset with $(compile_jobs) jobs"
  (cd "$ROOT" && cmake --preset "$preset" -Wno-dev --log-level=WARNING)
  cmake --build "$ROOT/build/$preset" -j "$(compile_jobs)" ${1:+--target "$@"}
}

seconds_as_text() { printf '%dm%02ds' $(($1 / 60)) $(($1 % 60)); }
