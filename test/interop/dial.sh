# Runs in the guest: xl2tpd and pppd dial the LNS. Variables: LNS USER PASSWORD SECRET AFTER CORE OPTIONS.
echo "* * $SECRET" >/etc/xl2tpd/l2tp-secrets
printf '"%s" * "%s"\n' "$USER" "$PASSWORD" >/etc/ppp/chap-secrets
cp /etc/ppp/chap-secrets /etc/ppp/pap-secrets
chmod 600 /etc/xl2tpd/l2tp-secrets /etc/ppp/*-secrets
cat >/etc/ppp/options.l2tp <<O
name "$USER"
noauth
nodefaultroute
noipdefault
ipcp-accept-local
ipcp-accept-remote
mtu 1450
mru 1450
lcp-echo-interval 1
lcp-echo-failure 5
debug
logfile /tmp/ppp.log
usepeerdns
$OPTIONS
O
cat >/etc/xl2tpd/xl2tpd.conf <<O
[global]
port = 1701
auth file = /etc/xl2tpd/l2tp-secrets
[lac l]
lns = $LNS
pppoptfile = /etc/ppp/options.l2tp
length bit = yes
redial = no
challenge = yes
O
xl2tpd -D -c /etc/xl2tpd/xl2tpd.conf -C /tmp/control -p /tmp/xl2tpd.pid >/tmp/xl2tpd.log 2>&1 &
sleep 0.5
echo "c l" >/tmp/control
for n in $(seq 150); do
  ip -4 addr show ppp0 2>/dev/null | grep -q inet && break
  grep -aqsE 'Connection terminated|authentication failed' /tmp/ppp.log && break
  grep -aqE 'closed to|Maximum retries exceeded|pppd exited|call_close' /tmp/xl2tpd.log && break
  sleep 0.1
done
if ip -4 addr show ppp0 2>/dev/null | grep -q inet; then
  echo "PPP-UP $(ip -4 -o addr show ppp0 | sed 's/.*inet \([0-9.]*\) peer \([0-9.]*\).*/\1 \2/')"
  ip route add $CORE dev ppp0
  eval "$AFTER"
else
  echo PPP-FAILED
fi
grep -aE 'Auth|auth|CHAP|PAP|LCP Term|closed' /tmp/ppp.log /tmp/xl2tpd.log | sed 's/^/LOG /'
echo "d l" >/tmp/control
sleep 1
kill $(cat /tmp/xl2tpd.pid)
