# Runs in the guest after guest.sh: xl2tpd and pppd dial the LNS. Variables: those of guest.sh and OPTIONS.
write_secrets
write_ppp_options "lcp-echo-failure 5
usepeerdns
$OPTIONS"
start_xl2tpd 1701
sleep 0.5
echo "c l" >/tmp/control
for n in $(seq 150); do
  addressed && break
  grep -aqsE 'Connection terminated|authentication failed' /tmp/ppp.log && break
  grep -aqE 'closed to|Maximum retries exceeded|pppd exited|call_close' /tmp/xl2tpd.log && break
  sleep 0.1
done
report
grep -aE 'Auth|auth|CHAP|PAP|LCP Term|closed' /tmp/ppp.log /tmp/xl2tpd.log | sed 's/^/LOG /'
echo "d l" >/tmp/control
sleep 1
kill $(cat /tmp/xl2tpd.pid)
