// curl with bearer and cookie over HTTP, and a WebSocket upgrade spelled out by hand.

import assert from 'node:assert/strict'
import test from 'node:test'
import { get, upgrade } from './curl.mjs'
import { bearer, credentials, startDoorward } from './harness.mjs'

test('curl: bearer and cookie over HTTP, and neither', async t => {
  const doorward = await startDoorward(t)
  const held = await credentials(doorward)
  const session = `${doorward.http}/.doorward/api/session`
  for (const headers of [bearer(held.token), { Cookie: held.cookie, Origin: doorward.origin }, { Cookie: held.cookie, 'Sec-Fetch-Site': 'none' }]) {
    const answer = await get(session, headers)
    assert.equal(answer.status, 200, answer.body)
    assert.ok(JSON.parse(answer.body).session_id, answer.body)
    assert.equal((await get(`${doorward.http}/`, headers)).status, 200)
  }
  assert.equal(JSON.parse((await get(session)).body).authenticated, false)
  assert.equal((await get(`${doorward.http}/echo`)).status, 401)
  assert.equal((await get(session, { Cookie: held.cookie })).status, 403, 'a cookie without any proof of where it comes from')
  assert.equal((await get(session, { Cookie: held.cookie, Origin: 'https://evil.example' })).status, 403)
  assert.equal((await get(session, bearer(held.token.slice(0, -2)))).status, 401)
  assert.equal((await get(`${doorward.http}/.doorward/health`)).status, 200)
})

test('curl: a raw upgrade is refused without a credential and accepted with one', async t => {
  const doorward = await startDoorward(t)
  const held = await credentials(doorward)
  const echo = `${doorward.http}/echo`
  assert.match(await upgrade(echo), /^HTTP\/1\.1 401 /)
  assert.match(await upgrade(echo, { Cookie: held.cookie, Origin: 'https://evil.example' }), /^HTTP\/1\.1 403 /)
  const accepted = await upgrade(echo, bearer(held.token))
  assert.match(accepted, /^HTTP\/1\.1 101 /)
  assert.match(accepted, /^sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r?$/im)
  assert.match(await upgrade(echo, { Cookie: held.cookie, Origin: doorward.origin }), /^HTTP\/1\.1 101 /)
})
