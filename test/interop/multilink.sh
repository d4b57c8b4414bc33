# Runs in the guest: LINKS sessions of one pppd bundle, each in a tunnel of its own (xl2tpd places one call a tunnel).
# Variables: LNS USER PASSWORD SECRET LINKS AFTER.
echo "* * $SECRET" >/etc/xl2tpd/l2tp-secrets
printf '"%s" * "%s"\n' "$USER" "$PASSWORD" >/etc/ppp/chap-secrets
cp /etc/ppp/chap-secrets /etc/ppp/pap-secrets
chmod 600 /etc/xl2tpd/l2tp-secrets /etc/ppp/*-secrets
rm -f /run/pppd2.tdb /var/run/pppd2.tdb
cat >/etc/ppp/options.l2tp <<O
name "$USER"
noauth
nodefaultroute
noipdefault
ipcp-accept-local
ipcp-accept-remote
multilink
mtu 1450
mru 1450
lcp-echo-interval 1
lcp-echo-failure 3
debug
logfile /tmp/ppp.log
O
for t in $(seq $LINKS); do
  cat >/etc/xl2tpd/x$t.conf <<O
[global]
port = $((1700 + t))
auth file = /etc/xl2tpd/l2tp-secrets
[lac l]
lns = $LNS
pppoptfile = /etc/ppp/options.l2tp
length bit = yes
redial = no
challenge = yes
O
  # A 6.1 kernel starves the older of two tunnels that share addresses and ports: one xl2tpd, one port, a tunnel.
  xl2tpd -D -c /etc/xl2tpd/x$t.conf -C /tmp/control$t -p /tmp/xl2tpd$t.pid >/tmp/xl2tpd$t.log 2>&1 &
done
sleep 0.5
links() { grep -c 'interface ppp0' /proc/net/pppol2tp; }
for i in $(seq $LINKS); do
  echo "c l" >/tmp/control$i
  for n in $(seq 100); do
    [ "$(links)" -ge $i ] && ip -4 addr show ppp0 2>/dev/null | grep -q inet && break
    sleep 0.1
  done
done
echo "LINKS $(links) INTERFACES $(ls /sys/class/net | grep -c '^ppp')"
if ip -4 addr show ppp0 2>/dev/null | grep -q inet; then
  echo "PPP-UP $(ip -4 -o addr show ppp0 | sed 's/.*inet \([0-9.]*\) peer \([0-9.]*\).*/\1 \2/')"
  ip route add $CORE dev ppp0
  eval "$AFTER"
else
  echo PPP-FAILED
fi
grep -aE 'IPCP|CHAP|ultilink|bundle|MRRU|mrru|endpoint|Prot-Rej|LCP Term|closed' /tmp/ppp.log /tmp/xl2tpd*.log | head -60 | sed 's/^/LOG /'
cat /proc/net/dev | grep ppp0 | sed 's/^/LOG /'
for t in $(seq $LINKS); do echo "d l" >/tmp/control$t; done
sleep 1
kill $(cat /tmp/xl2tpd*.pid)
