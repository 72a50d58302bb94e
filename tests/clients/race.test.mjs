// 64 clients in 4 processes race one grant, through listeners that share one SQLite store.

import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { pair, RAISED_LIMITS, startDoorward, temporaryDirectory, within } from './harness.mjs'

const ROUNDS = Number(process.env.DOORWARD_RACE_ROUNDS || 200)
const LISTENERS = 4
const PROCESSES = 4
const CLIENTS_EACH = 16

test(`race: ${ROUNDS} grants, each wanted by ${PROCESSES * CLIENTS_EACH} clients with nonces of their own: one session each`, async t => {
  const stateDir = temporaryDirectory()
  const listeners = []
  for (let count = 0; count < LISTENERS; count += 1) {
    listeners.push(await startDoorward(t, { stateDir, config: RAISED_LIMITS, log: 'warn' }))
  }
  const [first] = listeners
  const client = fileURLToPath(new URL('race-client.mjs', import.meta.url))
  const processes = Array.from({ length: PROCESSES }, () => {
    const child = fork(client, [String(CLIENTS_EACH), ...listeners.map(each => each.http)])
    t.after(() => child.kill())
    return child
  })
  await within(Promise.all(processes.map(child => once(child, 'message'))), 'the clients')

  const sessions = new Set()
  for (let round = 0; round < ROUNDS; round += 1) {
    const { credential } = await pair(first)
    const answers = processes.map(child => once(child, 'message'))
    for (const child of processes) child.send(credential)
    const outcomes = (await within(Promise.all(answers), `round ${round}`, 60_000)).flatMap(([each]) => each)
    const won = outcomes.filter(each => each.status === 200)
    assert.equal(won.length, 1, `round ${round}: ${JSON.stringify(tally(outcomes))}`)
    assert.deepEqual(tally(outcomes), { 200: 1, 401: PROCESSES * CLIENTS_EACH - 1 }, `round ${round}`)
    sessions.add(won[0].session)
    for (const { token } of won) first.secret('token', token)
  }
  assert.equal(sessions.size, ROUNDS)
  const listed = (await first.cli('sessions', 'list', '--json')).map(each => each.id)
  assert.deepEqual([...sessions].sort(), listed.sort(), 'the store holds these sessions and no other')
})

function tally(outcomes) {
  const counts = {}
  for (const { status } of outcomes) counts[status] = (counts[status] ?? 0) + 1
  return counts
}
