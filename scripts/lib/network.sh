# A network that only we are in, for what knows Xiaomi's services by their names alone. To be sourced
# after environment.sh, in whose environment it looks for the names.

# in_a_network COMMAND...: run it where Xiaomi's names lead to loopback, and nothing else is reached.
in_a_network() {
  need_programs unshare:util-linux ip:iproute2
  hosts=$(mktemp)
  trap 'rm -f "$hosts"' EXIT  # It is no local variable: this runs when the script ends.
  { echo "127.0.0.1 localhost"; python -c 'from simulator.real_names import hosts; print(hosts("127.0.0.1"))'; } >"$hosts"
  unshare --map-root-user --net --mount bash -euo pipefail -c '
    ip link set lo up
    # A network with nobody in it: Home Assistant wants one to look for devices in.
    ip link add lan type veth peer name far-end
    ip address add 192.0.2.1/24 dev lan
    ip link set far-end up
    ip link set lan up
    mount --bind "$0" /etc/hosts
    exec "$@"
  ' "$hosts" "$@"
}
