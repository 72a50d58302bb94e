// `serve --upstream` in front of a Node server: WebSocket by `ws`, uploads by plain node:http.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'node:test'
import {
  bearer, close, cookie, exchange, listen, memory, open, pair, bearerToken, readAll, refusal, request, startDoorward, ticket,
  WebSocketServer, within,
} from './harness.mjs'

const MiB = 1024 * 1024

/** An echo server that keeps what it saw, and speaks `chat.v2` when offered. */
async function guarded(t) {
  const sockets = new WebSocketServer({
    noServer: true, maxPayload: 16 * MiB, perMessageDeflate: false,
    handleProtocols: offered => (offered.has('chat.v2') ? 'chat.v2' : false),
  })
  const seen = { requests: [], sockets }
  const server = http.createServer(async (incoming, answer) => {
    seen.requests.push(incoming)
    if (incoming.url === '/hash') {
      const hash = createHash('sha256')
      await pipeline(incoming, hash).catch(() => {})
      return answer.end(hash.digest('hex'))
    }
    if (incoming.url === '/early') {
      answer.write('first ')
      await once(incoming.resume(), 'end')
      return answer.end('last')
    }
    answer.setHeader('Set-Cookie', ['app=1; Path=/', `doorward_${new URL(`http://${incoming.headers.host}`).port}=stolen; Path=/`, '__Host-doorward=stolen'])
    answer.end(await readAll(incoming) || 'guarded')
  })
  server.on('upgrade', (incoming, socket, head) => {
    seen.requests.push(incoming)
    if (incoming.url === '/refused') {
      return socket.end('HTTP/1.1 418 Teapot\r\nContent-Length: 6\r\nConnection: close\r\n\r\nteapot')
    }
    sockets.handleUpgrade(incoming, socket, head, webSocket => {
      sockets.emit('connection', webSocket)
      webSocket.on('message', (data, binary) => {
        if (!binary && data.toString().startsWith('close ')) {
          const [, code, reason] = data.toString().match(/^close (\d+) (.*)$/)
          return webSocket.close(Number(code), reason)
        }
        webSocket.send(data, { binary })
      })
    })
  })
  seen.origin = await listen(t, server)
  seen.stop = () => new Promise(resolve => { server.close(resolve); server.closeAllConnections(); for (const each of sockets.clients) each.terminate() })
  return seen
}

async function start(t) {
  const upstream = await guarded(t)
  const doorward = await startDoorward(t, { args: ['--upstream', upstream.origin] })
  const token = await bearerToken(doorward)
  return { upstream, doorward, token, headers: bearer(token) }
}

//= req: UPGRADE-3, type=test
test('upstream: nothing reaches it before admission', async t => {
  const { upstream, doorward } = await start(t)
  assert.equal((await request(`${doorward.http}/`)).status, 401)
  assert.equal((await refusal(`${doorward.websocket}/chat`)).status, 401)
  assert.equal((await request(`${doorward.http}/upload`, { method: 'POST', json: {} })).status, 401)
  assert.deepEqual(upstream.requests, [])
})

test('upstream: text, binary, 900 KiB, ping and pong', async t => {
  const { upstream, doorward, headers } = await start(t)
  const connection = once(upstream.sockets, 'connection')
  const socket = await open(`${doorward.websocket}/chat`, [], { headers })
  const [behind] = await connection
  assert.equal(await exchange(socket, 'text ☃'), 'text ☃')
  for (const size of [0, 1, 125, 126, 65_536, 900 * 1024]) {
    const sent = randomBytes(size)
    assert.ok(sent.equals(await exchange(socket, sent)), `${size} bytes`)
  }
  const large = 'x'.repeat(900 * 1024)
  assert.ok(large === await exchange(socket, large), '900 KiB of text')
  for (const [who, end] of [['client', socket], ['server', behind]]) {
    const pong = once(end, 'pong')
    end.ping('are you there')
    assert.equal((await within(pong, `the ${who}'s pong`))[0].toString(), 'are you there')
  }
  await close(socket)
})

test('upstream: close codes and reasons pass both ways', async t => {
  const { upstream, doorward, headers } = await start(t)
  const connection = once(upstream.sockets, 'connection')
  const first = await open(`${doorward.websocket}/chat`, [], { headers })
  const [behind] = await connection
  const closed = once(behind, 'close')
  assert.equal((await close(first, 4001, 'the client is done')).code, 4001)
  const [code, reason] = await within(closed, 'the close behind')
  assert.deepEqual([code, reason.toString()], [4001, 'the client is done'])

  const second = await open(`${doorward.websocket}/chat`, [], { headers })
  const ended = once(second, 'close')
  second.send('close 4242 the server is done')
  const [gotCode, gotReason] = await within(ended, 'the close in front')
  assert.deepEqual([gotCode, gotReason.toString()], [4242, 'the server is done'])
})

//= req: PROXY-1, PROXY-3, PROXY-4, UPGRADE-5, type=test
test('upstream: it chooses the subprotocol, its refusal is passed on, and no credential of ours reaches it', async t => {
  const { upstream, doorward, headers } = await start(t)
  const { credential } = await pair(doorward)
  const held = await cookie(doorward, credential)
  const { origin, websocket } = doorward

  const chosen = await open(`${websocket}/chat`, ['chat.v1', 'chat.v2'], { headers: { Cookie: `theme=dark; ${held}; app=1` }, origin })
  assert.equal(chosen.protocol, 'chat.v2')
  const byTicket = await open(`${websocket}/chat`, ['doorward', `doorward.ticket.${await ticket(doorward, headers)}`, 'chat.v2'])
  assert.equal(byTicket.protocol, 'chat.v2')
  const onlyOurs = await open(`${websocket}/chat`, ['doorward', `doorward.ticket.${await ticket(doorward, headers)}`])
  assert.equal(onlyOurs.protocol, 'doorward')
  for (const socket of [chosen, byTicket, onlyOurs]) await close(socket)
  const refused = await refusal(`${websocket}/refused`, [], { headers })
  assert.deepEqual([refused.status, refused.body], [418, 'teapot'])

  await request(`${doorward.http}/page`, { headers: { ...headers, 'X-Doorward-Subject': 'root', X_Doorward_Session: 'forged', 'X-Forwarded-For': '203.0.113.7' } })
  assert.equal(upstream.requests[0].headers.cookie.replace(/\s/g, ''), 'theme=dark;app=1')
  assert.equal(upstream.requests[0].headers.origin, origin)
  for (const { headers, rawHeaders } of upstream.requests) {
    const all = rawHeaders.join('\n')
    for (const secret of doorward.secrets.keys()) assert.ok(!all.includes(secret), 'a secret was forwarded')
    assert.equal(headers.host, new URL(doorward.http).host)
    assert.equal(headers.authorization, undefined)
    assert.ok(!/doorward/.test(headers['sec-websocket-protocol'] ?? ''))
    assert.ok(!/forged|root|203\.0\.113\.7/.test(all), all)
    assert.ok(headers['x-doorward-subject'] && headers['x-doorward-session'] && headers['x-doorward-capabilities'])
  }
})

//= req: PROXY-5, type=test
test('upstream: its own cookies pass, ones with our names do not; foreign Authorization passes', async t => {
  const { upstream, doorward } = await start(t)
  const { credential } = await pair(doorward)
  const answer = await request(`${doorward.http}/`, {
    headers: { Cookie: await cookie(doorward, credential), 'Sec-Fetch-Site': 'same-origin', Authorization: 'token of-the-guarded-server' },
  })
  assert.equal(answer.text, 'guarded')
  assert.deepEqual(answer.headers['set-cookie'], ['app=1; Path=/'])
  assert.equal(upstream.requests[0].headers.authorization, 'token of-the-guarded-server')
})

test('upstream: a 64 MiB upload streams through, and the listener does not grow with it', async t => {
  const { doorward, headers } = await start(t)
  await request(`${doorward.http}/hash`, { method: 'POST', headers, json: 'warm up' })
  const before = memory(doorward.pid, 'VmHWM')
  const hash = createHash('sha256')
  const upload = Readable.from((function* () {
    for (let sent = 0; sent < 64; sent += 1) {
      const chunk = randomBytes(MiB)
      hash.update(chunk)
      yield chunk
    }
  })())
  const outgoing = http.request(`${doorward.http}/hash`, { method: 'POST', headers })
  const response = once(outgoing, 'response')
  await within(pipeline(upload, outgoing), 'the upload', 60_000)
  const [answer] = await within(response, 'the answer')
  assert.equal(await readAll(answer), hash.digest('hex'))
  const grown = memory(doorward.pid, 'VmHWM') - before
  t.diagnostic(`peak memory grew by ${grown} KiB`)
  assert.ok(grown < 8 * 1024, `peak memory grew by ${grown} KiB`)
})

test('upstream: an answer that begins before the request ends is not held back', async t => {
  const { doorward, headers } = await start(t)
  const outgoing = http.request(`${doorward.http}/early`, { method: 'POST', headers })
  outgoing.write('half')
  const [answer] = await within(once(outgoing, 'response'), 'the head of the answer')
  const [first] = await within(once(answer, 'data'), 'the first bytes of the answer')
  assert.equal(first.toString(), 'first ')
  outgoing.end('half')
  assert.equal(await readAll(answer), 'last')
})

test('upstream: once it is down, a 502 with a JSON body, for requests and upgrades', async t => {
  const { upstream, doorward, headers } = await start(t)
  const live = await open(`${doorward.websocket}/chat`, [], { headers })
  const ended = once(live, 'close')
  await upstream.stop()
  await within(ended, 'the end of the live connection')
  const answer = await request(`${doorward.http}/`, { headers })
  assert.equal(answer.status, 502)
  assert.ok(answer.json.error && answer.json.message && answer.json.trace_id, answer.text)
  const refused = await refusal(`${doorward.websocket}/chat`, [], { headers })
  assert.equal(refused.status, 502)
  assert.ok(JSON.parse(refused.body).error)
})
