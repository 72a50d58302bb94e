// 64 clients in 4 processes race one grant, through listeners that share one SQLite store.

import assert from 'node:assert/strict'
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { pair, python, RAISED_LIMITS, startDoorward, temporaryDirectory, within } from './harness.mjs'

const ROUNDS = Number(process.env.DOORWARD_RACE_ROUNDS || 200)
const LISTENERS = 4
const PROCESSES = 4
const CLIENTS_EACH = 16
const CLIENTS = PROCESSES * CLIENTS_EACH

test(`race: ${ROUNDS} grants, each wanted by ${CLIENTS} clients with nonces of their own: one session each`, async t => {
  const listeners = await startListeners(t)
  await race(listeners, Array.from({ length: PROCESSES }, () => overHttp(listeners)))
})

test(`race: ${ROUNDS} grants, each wanted by ${CLIENTS} clients, half of them over QUIC: one session each`, async t => {
  const listeners = await startListeners(t, '--quic', '127.0.0.1:0')
  await race(listeners, Array.from({ length: PROCESSES }, (_, index) => (index % 2 ? overQuic : overHttp)(listeners)))
})

/** Listeners that share one state directory. */
async function startListeners(t, ...args) {
  const stateDir = temporaryDirectory()
  const listeners = []
  for (let count = 0; count < LISTENERS; count += 1) {
    listeners.push(await startDoorward(t, { stateDir, args, config: RAISED_LIMITS, log: 'warn' }))
  }
  return listeners
}

/** A process of clients over HTTP: `ready()`, and `redeem(credential)` for what became of it client by client. */
function overHttp(listeners) {
  const child = fork(program('race-client.mjs'), [String(CLIENTS_EACH), ...listeners.map(each => each.http)])
  const started = once(child, 'message')
  return {
    child,
    ready: () => started,
    async redeem(credential) {
      const answer = once(child, 'message')
      child.send(credential)
      return (await answer)[0]
    },
  }
}

/** The same over QUIC, with all handshakes done before each round. */
function overQuic(listeners) {
  const addresses = listeners.map(({ ready }) => {
    const { hostname, port } = new URL(`http://${ready.quic}`)
    return JSON.stringify([hostname, Number(port)])
  })
  const child = spawn(python, [program('aioquic_race.py'), String(CLIENTS_EACH), ...addresses], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => {
    const { value, done } = await lines.next()
    assert.ok(!done, 'the clients over QUIC have ended')
    return JSON.parse(value)
  }
  return {
    child,
    ready: async () => assert.equal(await next(), 'ready'),
    redeem(credential) {
      child.stdin.write(`${credential}\n`)
      return next()
    },
  }
}

const program = name => fileURLToPath(new URL(name, import.meta.url))

async function race(listeners, processes) {
  const [first] = listeners
  const sessions = new Set()
  try {
    for (let round = 0; round < ROUNDS; round += 1) sessions.add(await raceOnce(first, processes, round))
  } finally {
    for (const { child } of processes) child.kill()
  }
  assert.equal(sessions.size, ROUNDS)
  const listed = (await first.cli('sessions', 'list', '--json')).map(each => each.id)
  assert.deepEqual([...sessions].sort(), listed.sort(), 'the store holds these sessions and no other')
}

/** The one session that a grant buys. */
async function raceOnce(issuer, processes, round) {
  await within(Promise.all(processes.map(each => each.ready())), `the clients before round ${round}`)
  const { credential } = await pair(issuer)
  const answers = processes.map(each => each.redeem(credential))
  const outcomes = (await within(Promise.all(answers), `round ${round}`, 60_000)).flat()
  assert.deepEqual(tally(outcomes), { 200: 1, 401: CLIENTS - 1 }, `round ${round}`)
  const { session, token } = outcomes.find(each => each.status === 200)
  issuer.secret('token', token)
  return session
}

function tally(outcomes) {
  const counts = {}
  for (const { status } of outcomes) counts[status] = (counts[status] ?? 0) + 1
  return counts
}
