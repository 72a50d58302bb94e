// A client that shares no line with Doorward, `aioquic`, knows the hello from its description alone.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import test from 'node:test'
import { pair, python, run, startDoorward } from './harness.mjs'

const client = fileURLToPath(new URL('aioquic_client.py', import.meta.url))

/** A listener over QUIC, with what its pairing link says of it. */
async function startQuic(t, options = {}) {
  const doorward = await startDoorward(t, { ...options, args: ['--quic', '127.0.0.1:0', ...options.args ?? []] })
  const [, pin, port] = new URL(doorward.pairingUrl).hash.slice(1).split('.')
  assert.equal(doorward.ready.quic, `127.0.0.1:${port}`)
  const digest = Buffer.from(pin, 'base64url').toString('hex')
  assert.equal(doorward.ready.certificate_sha256, digest)
  return Object.assign(doorward, { known: { address: ['127.0.0.1', Number(port)], pin: digest } })
}

/** A hello with a grant, and a nonce that no other hello has. */
function redemption(doorward, credential = doorward.grant, purpose = 'open') {
  const nonce = randomBytes(24)
  doorward.secret('nonce', nonce.toString('base64url'))
  return { purpose, kind: 'grant', credential, nonce: nonce.toString('hex') }
}

const presentation = token => ({ purpose: 'open', kind: 'session', credential: token })

/** What came of each case, one connection after the other. */
async function say(doorward, ...cases) {
  const input = cases.map(each => JSON.stringify({ ...doorward.known, ...each })).join('\n')
  const { status, stdout, stderr } = await run(python, [client], input)
  assert.equal(status, 0, stderr)
  const answers = stdout.trim().split('\n').map(line => JSON.parse(line))
  for (const { token } of answers) if (token) doorward.secret('token', token)
  return answers
}

test('aioquic: a grant buys a session, its token opens another connection, and streams echo', async t => {
  const doorward = await startQuic(t)
  const [paired] = await say(doorward, { hello: redemption(doorward), echo: 'hello from aioquic' })
  assert.equal(paired.echo, 'hello from aioquic')
  assert.ok(paired.token && paired.expires_in > 0 && paired.subject, JSON.stringify(paired))
  const [again, spent] = await say(doorward,
    { hello: presentation(paired.token), echo: 'and again' },
    { hello: redemption(doorward) })
  assert.deepEqual([again.session, again.token, again.echo], [paired.session, '', 'and again'])
  assert.equal(spent.code, 4401)
  assert.equal((await doorward.cli('sessions', 'list', '--json')).length, 1)
})

test('aioquic: a refusal is a close code and the JSON of an HTTP answer', async t => {
  const doorward = await startQuic(t)
  const wrong = doorward.secret('token', randomBytes(90).toString('base64url'))
  const trailing = redemption(doorward)
  const [unknown, inside, behind, unspent] = await say(doorward,
    { hello: presentation(wrong) },
    { hello: trailing, inside: '00' },
    { hello: trailing, behind: '00' },
    { hello: redemption(doorward, doorward.grant, 'token') })
  for (const [answer, code, error] of [[unknown, 4401, 'credential_invalid'], [inside, 4400, 'malformed'], [behind, 4400, 'malformed']]) {
    assert.equal(answer.code, code, JSON.stringify(answer))
    const reason = JSON.parse(answer.reason)
    assert.deepEqual(Object.keys(reason), ['error', 'message', 'trace_id'])
    assert.equal(reason.error, error)
  }
  assert.ok(unspent.token, 'what was malformed has spent nothing')
})

//= req: QUIC-1, QUIC-3, type=test
test('aioquic: nothing is decided on early data', async t => {
  const doorward = await startQuic(t, { config: '[http]\nhead_deadline = "3s"\n' })
  const hello = redemption(doorward)

  // Never a handshake: of a client that is gone there is nothing to wait for, so others come after it.
  const gone = Array.from({ length: 8 }, () => ({ hello, early: 'leave' }))
  // A handshake, and no hello after it: heard early it would be answered, and as it is there is none until the deadline.
  const [late, ...left] = (await say(doorward, ...gone, { hello, early: 'once' })).reverse()
  for (const { early } of [late, ...left]) assert.ok(early.packets > 0)
  assert.equal(late.early.accepted, false)
  assert.equal(late.code, 4408, JSON.stringify(late))
  assert.deepEqual(await doorward.cli('sessions', 'list', '--json'), [])

  // Said again, after the handshake, the same hello counts once, and for the first time.
  const [paired] = await say(doorward, { hello, early: 'again', echo: 'in time' })
  assert.deepEqual([paired.early.accepted, paired.echo], [false, 'in time'])
  assert.ok(paired.token)
  const { credential } = await pair(doorward)
  const [next] = await say(doorward, { hello: redemption(doorward, credential, 'token') })
  assert.ok(next.token)

  // Its refusals are written in their own time, and all of them before it ends.
  await doorward.stop()
  const decided = (await doorward.audit()).filter(({ event }) => ['denied', 'admitted', 'grant_redeemed'].includes(event))
  const told = decided.map(({ event, reason }) => reason ?? event).sort()
  assert.deepEqual(told, ['admitted', 'deadline_passed', 'grant_redeemed', 'grant_redeemed'])
})
