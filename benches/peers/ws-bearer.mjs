// Node's `ws` behind a bearer check: a signed token, compared in constant time, before the upgrade. Says on one line
// where it listens and which token it takes.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const key = randomBytes(32)
const sign = record => createHmac('sha256', key).update(record).digest()

const verify = (header = '') => {
  const [record, tag, more] = header.startsWith('Bearer ') ? header.slice(7).split('.') : []
  if (!tag || more !== undefined) return false
  const bytes = Buffer.from(record, 'base64url')
  const given = Buffer.from(tag, 'base64url')
  const due = sign(bytes)
  if (given.length !== due.length || !timingSafeEqual(given, due)) return false
  return JSON.parse(bytes).expires > Date.now()
}

const record = Buffer.from(JSON.stringify({ subject: "someone's laptop", expires: Date.now() + 3_600_000 }))
const token = `${record.toString('base64url')}.${sign(record).toString('base64url')}`

const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
sockets.on('connection', socket => socket.on('message', (data, binary) => socket.send(data, { binary })))
const server = createServer((_, answer) => answer.writeHead(404).end())
server.on('upgrade', (request, stream, head) => {
  if (!verify(request.headers.authorization)) return stream.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n')
  sockets.handleUpgrade(request, stream, head, socket => sockets.emit('connection', socket, request))
})
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ authority: `127.0.0.1:${server.address().port}`, token }))
})
