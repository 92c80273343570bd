# Enters the node's cgroups and then its namespaces. Runs on the host, under the supervisor.
#
# Environment: NODE (its folder), CGROUP (its name in every hierarchy). The file `hierarchies` has a line for each
# cgroup hierarchy: mount point, version, mount options.
set -eu
while read -r mount version options; do
    mkdir -p "$mount/$CGROUP"
    # A new cpuset is empty, and nothing may enter it before it has processors and memory.
    for set in cpus mems; do
        if [ -e "$mount/$CGROUP/cpuset.$set" ] && [ "$version" = 1 ]; then
            cat "$mount/cpuset.$set" > "$mount/$CGROUP/cpuset.$set"
        fi
    done
    echo $$ > "$mount/$CGROUP/cgroup.procs"
done < "$NODE/hierarchies"
exec unshare --mount --net --pid --ipc --uts --cgroup --fork --kill-child=KILL sh "$NODE/init.sh"
