// Node's `ws` with each credential that an upgrade takes, and with those that it must not.

import assert from 'node:assert/strict'
import test from 'node:test'
import { bearer, close, credentials, exchange, open, refusal, startDoorward, ticket } from './harness.mjs'

test('node ws: bearer, cookie and ticket are admitted and echo', async t => {
  const doorward = await startDoorward(t)
  const url = `${doorward.websocket}/echo`
  const held = await credentials(doorward)
  const sockets = {
    bearer: await open(url, [], { headers: bearer(held.token) }),
    cookie: await open(url, [], { headers: { Cookie: held.cookie }, origin: doorward.origin }),
    ticket: await open(url, ['doorward', `doorward.ticket.${held.ticket}`]),
  }
  for (const [kind, socket] of Object.entries(sockets)) {
    assert.equal(await exchange(socket, `hello by ${kind}`), `hello by ${kind}`)
    assert.equal(socket.protocol, kind === 'ticket' ? 'doorward' : '')
    assert.equal((await close(socket)).code, 1000)
  }
})

test('node ws: a ticket works once, and only for the origin it was issued to', async t => {
  const doorward = await startDoorward(t)
  const url = `${doorward.websocket}/echo`
  const held = await credentials(doorward)
  const offer = value => ['doorward', `doorward.ticket.${value}`]
  await close(await open(url, offer(held.ticket)))
  assert.equal((await refusal(url, offer(held.ticket))).status, 401)

  const fromPage = await ticket(doorward, { Cookie: held.cookie, Origin: doorward.origin })
  assert.equal((await refusal(url, offer(fromPage))).status, 401, 'a page\'s ticket without the page\'s origin')
  await close(await open(url, offer(fromPage), { origin: doorward.origin }))
})

test('node ws: without a credential 401, with a foreign or absent origin beside a valid cookie 403', async t => {
  const doorward = await startDoorward(t)
  const url = `${doorward.websocket}/echo`
  const held = await credentials(doorward)
  const nobody = await refusal(url)
  assert.equal(nobody.status, 401)
  assert.match(JSON.parse(nobody.body).message, /\w/)
  const headers = { Cookie: held.cookie }
  for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1', `${doorward.origin}.evil.example`]) {
    assert.equal((await refusal(url, [], { headers, origin })).status, 403, origin)
  }
  assert.equal((await refusal(url, [], { headers })).status, 403, 'no origin')
  assert.equal((await refusal(url, [], { headers: bearer(held.token), origin: 'https://evil.example' })).status, 403)
  assert.equal((await refusal(url, [], { headers: { ...bearer(held.token), Host: 'rebind.evil:8080' } })).status, 403)
  // A refusal spends nothing.
  const socket = await open(url, [], { headers, origin: doorward.origin })
  assert.equal(await exchange(socket, 'still here'), 'still here')
  await close(socket)
})
