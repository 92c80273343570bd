# The first process of the node's namespaces: makes them a machine of their own, then runs the node's programs.
#
# Killing it ends everything on the node. It sees the host's files, except where something is mounted over them here;
# nothing is mounted, written or routed on the host.
# Environment: NODE, LOGS (folders), NAME, NODE_ADDRESS, HOST_ADDRESS.
set -eu

# /proc is still the host's, so this is the host's number of this process; it is needed to hand over the link.
read -r pid rest < /proc/self/stat
echo "$pid" > "$NODE/init.pid.part"
mv "$NODE/init.pid.part" "$NODE/init.pid"

# The node's folder may lie below one of those that are hidden next, so it waits under /sys, which is renewed anyway.
# Without -n, mount would note each of these in the host's /run.
mount -n -t tmpfs -o mode=755 tmpfs /sys
mkdir /sys/node /sys/logs
mount -n --bind "$NODE" /sys/node
mount -n --bind "$LOGS" /sys/logs
for folder in /run /var/log /var/lib; do
    mount -n -t tmpfs -o mode=755 tmpfs "$folder"
done
mkdir -p /run/lock /run/landfall /run/landfall-logs /var/log/containers /var/log/pods /var/lib/kubelet /var/lib/containerd
mount -n --move /sys/node /run/landfall
mount -n --move /sys/logs /run/landfall-logs
umount -n /sys
mount -n -t sysfs sysfs /sys
mount -n -t proc proc /proc
mount -n --bind /run/landfall/kubelet /var/lib/kubelet
mount -n --bind /run/landfall/containerd /var/lib/containerd
mount -n --bind /run/landfall/pod-logs /var/log/pods
# Volumes that are mounted later must reach containers that run already.
mount -n --make-rshared /

node=/run/landfall
mount -n -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
while read -r mount version options; do
    if [ "$version" = 2 ]; then
        mount -n -t cgroup2 cgroup2 /sys/fs/cgroup
        # Controllers can be handed down only from a cgroup that holds no process.
        mkdir -p /sys/fs/cgroup/init
        echo $$ > /sys/fs/cgroup/init/cgroup.procs
        for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
            echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control
        done
    else
        mkdir "/sys/fs/cgroup/${mount##*/}"
        mount -n -t cgroup -o "$options" cgroup "/sys/fs/cgroup/${mount##*/}"
    fi
done < $node/hierarchies

# These belong to the whole host. The kubelet finds the values it wants, and so writes none.
mkdir /run/sysctl
while read -r key value; do
    file=/run/sysctl/${key##*/}
    echo "$value" > "$file"
    mount -n --bind "$file" "/proc/sys/$key"
done << END
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
END

echo "$NAME" > /proc/sys/kernel/hostname
ip link set lo up
while ! ip link show eth0 > /dev/null 2>&1; do sleep 0.02; done
ip address add "$NODE_ADDRESS/30" dev eth0
ip link set eth0 up
ip route add default via "$HOST_ADDRESS"
echo 1 > /proc/sys/net/ipv4/ip_forward

# When one of the programs ends, the node has ended, and whoever watches this process hears of it.
trap 'exit 1' TERM
run() {
    name=$1
    shift
    ( "$@" > "/run/landfall-logs/$name.log" 2>&1 < /dev/null || :; echo "$name has ended"; kill -TERM 1 ) &
}

export PATH=$node/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd $node
run containerd containerd --config $node/containerd.toml
images="ctr --address /run/containerd/containerd.sock --namespace k8s.io images"
until $images list > /dev/null 2>&1; do sleep 0.05; done
for archive in $node/images/*.tar; do
    $images import "$archive" > /dev/null
done
while [ ! -e $node/go ]; do sleep 0.02; done
run kubelet kubelet --kubeconfig=$node/pki/kubelet.kubeconfig --config=$node/kubelet.yaml \
    --root-dir=/var/lib/kubelet --cert-dir=$node/pki/kubelet --hostname-override="$NAME" --node-ip="$NODE_ADDRESS"
run kube-proxy kube-proxy --config=$node/kube-proxy.yaml
# Waiting is also what buries the processes whose parents have died.
while :; do
    sleep 3600 &
    wait $!
done
