// Python's `websockets` with bearer, cookie and ticket, and with nothing.

import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import test from 'node:test'
import { bearer, credentials, python, run, startDoorward } from './harness.mjs'

test('python websockets: bearer, cookie and ticket are admitted, nothing and a foreign origin are not', async t => {
  const doorward = await startDoorward(t)
  const held = await credentials(doorward)
  const url = `${doorward.websocket}/echo`
  const { origin } = doorward
  const cases = [
    { headers: bearer(held.token) },
    { headers: { Cookie: held.cookie }, origin },
    { subprotocols: ['doorward', `doorward.ticket.${held.ticket}`] },
    {},
    { headers: { Cookie: held.cookie }, origin: 'https://evil.example' },
  ]
  const input = cases.map(each => JSON.stringify({ url, ...each })).join('\n')
  const { status, stdout, stderr } = await run(python, [fileURLToPath(new URL('python_client.py', import.meta.url))], input)
  assert.equal(status, 0, stderr)
  assert.deepEqual(stdout.trim().split('\n').map(line => JSON.parse(line)), [
    { echo: 'hello from python', subprotocol: null },
    { echo: 'hello from python', subprotocol: null },
    { echo: 'hello from python', subprotocol: 'doorward' },
    { status: 401 },
    { status: 403 },
  ])
})
