#!/bin/bash
# First process of the guest. The kernel's command line says addr=A/L gw=G hostrun=FOLDER; FOLDER/run.sh is the test.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null || mount -t tmpfs dev /dev
mkdir -p /dev/pts
mount -t devpts pts /dev/pts 2>/dev/null
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mkdir -p /run/xl2tpd /run/lock /etc/ppp /etc/xl2tpd
mount -t tmpfs etcppp /etc/ppp
mount -t tmpfs etcx /etc/xl2tpd
for node in "null c 1 3" "zero c 1 5" "random c 1 8" "urandom c 1 9" "tty c 5 0" "ptmx c 5 2" "ppp c 108 0"; do
  set -- $node
  [ -e /dev/$1 ] || mknod /dev/$1 $2 $3 $4
done
for module in udp_tunnel slhc ppp_generic pppox l2tp_core l2tp_ppp ppp_async; do modprobe $module 2>/dev/null; done
for word in $(cat /proc/cmdline); do
  case $word in addr=*) address=${word#addr=} ;; gw=*) gateway=${word#gw=} ;; hostrun=*) folder=${word#hostrun=} ;; esac
done
ip link set lo up
device=$(ls /sys/class/net | grep -E '^(vec|eth)' | head -1)
ip addr add $address dev $device
ip link set $device up
ip route add default via $gateway
mount -t hostfs none /host -o $folder
bash /host/run.sh
echo "GUEST-EXIT $?"
sync
busybox poweroff -f
