# What the scripts share; to be sourced from bash with `set -euo pipefail`. Leaves the caller in the repository's top folder.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly TOP=$PWD

if [[ -t 1 ]]; then
  readonly BOLD=$'\033[1m' PLAIN=$'\033[0m'
else
  readonly BOLD='' PLAIN=''
fi

say() { printf '%s\n' "$*"; }
title() { printf '\n%s== %s%s\n' "$BOLD" "$*" "$PLAIN"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Where Bazel keeps what is built, for all working copies of this account.
bazel_disk_cache() {
  local home=${HOME:-} cache=${XDG_CACHE_HOME:-}
  [[ -n $home ]] || home=$(getent passwd "$(id -u)" | cut -d: -f6)
  [[ $cache == /* ]] || cache=$home/.cache
  printf '%s' "$cache/bazel-disk"
}

# bazel VERB ARGUMENTS...: Bazel with its caches below $HOME, or below the account's home where $HOME says nothing.
run_bazel() {
  local verb=$1
  shift
  if [[ -z ${HOME:-} ]]; then
    HOME=$(getent passwd "$(id -u)" | cut -d: -f6)
    export HOME
  fi
  case $verb in
    build | test | run) set -- "--disk_cache=$(bazel_disk_cache)" "$@" ;;
  esac
  # DRAY_BAZEL_STARTUP: startup options of the caller, for example an output base of its own.
  # shellcheck disable=SC2086
  bazel ${DRAY_BAZEL_STARTUP:-} "$verb" "$@"
}

# Keeps Bazel's output short where nobody watches it.
bazel_quiet_flags() {
  [[ -t 2 ]] || printf '%s\n' --noshow_progress --show_result=0
}
