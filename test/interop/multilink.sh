# Runs in the guest after guest.sh: LINKS sessions of one pppd bundle, each in a tunnel of its own (xl2tpd places one
# call a tunnel). Variables: those of guest.sh and LINKS.
write_secrets
rm -f /run/pppd2.tdb /var/run/pppd2.tdb
write_ppp_options "lcp-echo-failure 3
multilink"
# A 6.1 kernel starves the older of two tunnels that share addresses and ports: one xl2tpd, one port, a tunnel.
for t in $(seq $LINKS); do start_xl2tpd $((1700 + t)) $t; done
sleep 0.5
links() { grep -c 'interface ppp0' /proc/net/pppol2tp; }
for i in $(seq $LINKS); do
  echo "c l" >/tmp/control$i
  for n in $(seq 100); do
    [ "$(links)" -ge $i ] && addressed && break
    sleep 0.1
  done
done
echo "LINKS $(links) INTERFACES $(ls /sys/class/net | grep -c '^ppp')"
report
grep -aE 'IPCP|CHAP|ultilink|bundle|MRRU|mrru|endpoint|Prot-Rej|LCP Term|closed' /tmp/ppp.log /tmp/xl2tpd*.log | head -60 | sed 's/^/LOG /'
cat /proc/net/dev | grep ppp0 | sed 's/^/LOG /'
for t in $(seq $LINKS); do echo "d l" >/tmp/control$t; done
sleep 1
kill $(cat /tmp/xl2tpd*.pid)
