# Sourced by what runs in the guest. Variables: LNS USER PASSWORD SECRET CORE AFTER.

# The secrets of xl2tpd and pppd.
write_secrets() {
  echo "* * $SECRET" >/etc/xl2tpd/l2tp-secrets
  printf '"%s" * "%s"\n' "$USER" "$PASSWORD" >/etc/ppp/chap-secrets
  cp /etc/ppp/chap-secrets /etc/ppp/pap-secrets
  chmod 600 /etc/xl2tpd/l2tp-secrets /etc/ppp/*-secrets
}
# The options of pppd, and the lines of $1 after them.
write_ppp_options() {
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
debug
logfile /tmp/ppp.log
$1
O
}
# Starts an xl2tpd with one LAC "l" that sends from port $1; its files end in $2.
start_xl2tpd() {
  cat >/etc/xl2tpd/x$2.conf <<O
[global]
port = $1
auth file = /etc/xl2tpd/l2tp-secrets
[lac l]
lns = $LNS
pppoptfile = /etc/ppp/options.l2tp
length bit = yes
redial = no
challenge = yes
O
  xl2tpd -D -c /etc/xl2tpd/x$2.conf -C /tmp/control$2 -p /tmp/xl2tpd$2.pid >/tmp/xl2tpd$2.log 2>&1 &
}
addressed() { ip -4 addr show ppp0 2>/dev/null | grep -q inet; }
# Says whether ppp0 is up; where it is, routes the core through it and does what the test wants.
report() {
  if addressed; then
    echo "PPP-UP $(ip -4 -o addr show ppp0 | sed 's/.*inet \([0-9.]*\) peer \([0-9.]*\).*/\1 \2/')"
    ip route add $CORE dev ppp0
    eval "$AFTER"
  else
    echo PPP-FAILED
  fi
}
