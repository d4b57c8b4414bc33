// A RADIUS server that says yes at once (RFC 2865), since l2tpns has no local users. Arguments: port, secret.
import { createHash } from 'node:crypto';
import dgram from 'node:dgram';

const [port, secret] = [Number(process.argv[2]), process.argv[3]!];
const ACCESS_REQUEST = 1;
const ACCESS_ACCEPT = 2;
const ACCOUNTING_REQUEST = 4;
const ACCOUNTING_RESPONSE = 5;
// The buffer is net.core.rmem_default, which is raised while this starts: a burst of logins must not be lost here.
const socket = dgram.createSocket('udp4');
socket.on('message', (request, from) => {
  if (request.length < 20 || (request[0] !== ACCESS_REQUEST && request[0] !== ACCOUNTING_REQUEST)) return;
  const answer = Buffer.alloc(20);
  answer[0] = request[0] === ACCESS_REQUEST ? ACCESS_ACCEPT : ACCOUNTING_RESPONSE;
  answer[1] = request[1]!;
  answer.writeUInt16BE(20, 2);
  request.copy(answer, 4, 4, 20);
  createHash('md5').update(answer).update(secret).digest().copy(answer, 4);
  socket.send(answer, from.port, from.address);
});
socket.bind(port, '127.0.0.1', () => console.log('ready'));
process.once('SIGTERM', () => process.exit(0));
