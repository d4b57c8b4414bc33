#!/usr/bin/env bash
# build-guest.sh FOLDER: a small root file system for User-Mode Linux, from the Debian packages of this machine:
# busybox, bash, xl2tpd, pppd, ip, ping, iperf3 and the kernel modules for L2TP and PPP.
set -euo pipefail
folder=$1
root=$folder/root
stamp=$folder/built
here=$(cd "$(dirname "$0")" && pwd)
version=$(ls /usr/lib/uml/modules | head -1)
want="$version $(cksum <"$here/guest-init.sh") $(cksum <"$0") $(dpkg-query -W -f '${Version} ' xl2tpd ppp iperf3 user-mode-linux)"
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && exit 0
rm -rf "$folder"
mkdir -p "$root"/usr/{bin,sbin,lib/x86_64-linux-gnu,lib64} "$root"/{etc/ppp,etc/xl2tpd,dev,proc,sys,tmp,run,var/log,root,host}
for name in bin sbin lib lib64; do ln -s usr/$name "$root/$name"; done
ln -s ../run "$root/var/run"
# A program and the libraries that it loads, in their own places.
take() {
  local program file library target
  for program in "$@"; do
    file=$(readlink -f "$(PATH=$PATH:/usr/sbin command -v "$program" || echo "$program")")
    [ -e "$file" ] || { echo "build-guest.sh: $program is not installed" >&2; exit 1; }
    mkdir -p "$root$(dirname "$file")"
    cp -n "$file" "$root$file" 2>/dev/null || true
    for library in $(ldd "$file" 2>/dev/null | grep -o '/[^ ]*' || true); do
      target=$(readlink -f "$library")
      mkdir -p "$root$(dirname "$target")" "$root$(dirname "$library")"
      cp -n "$target" "$root$target" 2>/dev/null || true
      [ -e "$root$library" ] || ln -sf "$target" "$root$library"
    done
  done
}
take busybox bash xl2tpd pppd iperf3 ip ping kmod sha256sum /usr/lib/pppd/*/*.so
for applet in $(busybox --list); do
  [ -e "$root/usr/bin/$applet" ] || [ -e "$root/usr/sbin/$applet" ] || ln -s busybox "$root/usr/bin/$applet"
done
rm -f "$root/usr/bin/modprobe" && ln -sf ../bin/kmod "$root/usr/sbin/modprobe"
echo 'root:x:0:0:root:/root:/bin/bash' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
echo '127.0.0.1 localhost' >"$root/etc/hosts"
cp "$here/guest-init.sh" "$root/init"
chmod +x "$root/init"
modules=$root/lib/modules/$version
mkdir -p "$modules"
cp -r "/usr/lib/uml/modules/$version/." "$modules/"
find "$modules" -name '*.ko*' | grep -vE 'l2tp|ppp|slhc|udp_tunnel|ipv6\.ko|arc4|crc' | xargs -r rm -f
depmod -b "$root" "$version" 2>/dev/null
echo "$want" >"$stamp"
