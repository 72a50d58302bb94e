// curl with bearer and cookie over HTTP, and a WebSocket upgrade spelled out by hand.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import test from 'node:test'
import { bearer, credentials, run, startDoorward, within } from './harness.mjs'

/** curl's options come in on standard input: a header on a command line is readable by everybody. */
function configuration(url, headers) {
  const options = Object.entries(headers).map(([name, value]) => `header = "${name}: ${value}"`)
  return [`url = "${url}"`, ...options].join('\n')
}

async function get(url, headers = {}) {
  const { status, stdout, stderr } = await run('curl', ['-q', '-sS', '--http1.1', '-w', '\n%{http_code}', '-K', '-'], configuration(url, headers))
  assert.equal(status, 0, stderr)
  const cut = stdout.lastIndexOf('\n')
  return { status: Number(stdout.slice(cut + 1)), body: stdout.slice(0, cut) }
}

/**
 * The head that answers a hand-made upgrade, from curl's trace: what it writes to its output it holds back while
 * an accepted upgrade is open, and an accepted one stays open until curl is ended.
 */
async function upgrade(url, headers = {}) {
  const curl = spawn('curl', ['-q', '-svN', '--http1.1', '-K', '-'], { stdio: ['pipe', 'ignore', 'pipe'] })
  curl.stdin.end(configuration(url, {
    Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', ...headers,
  }))
  const head = (async () => {
    let lines = ''
    for await (const line of createInterface({ input: curl.stderr })) {
      if (line.trimEnd() === '<' || /^< sec-websocket-accept:/i.test(line)) return `${lines}${line.slice(2)}`
      if (line.startsWith('< ')) lines += `${line.slice(2).trimEnd()}\n`
    }
    return lines
  })()
  return within(head, 'the answer to the upgrade').finally(() => curl.kill())
}

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
