// A whole run with every kind of credential, at the most talkative log level, and then a search for each of
// them. (Every other scenario is searched in the same way when its listener stops.)

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { launchChromium, pairInBrowser, profile } from './browser.mjs'
import { bearer, bearerToken, close, credentials, findSecrets, open, pair, refusal, request, startDoorward, ticket } from './harness.mjs'

//= req: SECRET-4, GRANT-12, type=test
test('secrets: none of a whole run is in the log, the state directory, the command line or the environment', async t => {
  const doorward = await startDoorward(t, { log: 'trace' })
  const url = `${doorward.websocket}/echo`
  const held = await credentials(doorward)
  const code = (await pair(doorward, '--code')).credential
  const byCode = await bearerToken(doorward, code)
  const browser = await launchChromium(t)
  await pairInBrowser(doorward, await profile(browser, doorward), (await pair(doorward)).url)

  await close(await open(url, [], { headers: bearer(byCode) }))
  await close(await open(url, [], { headers: { Cookie: held.cookie }, origin: doorward.origin }))
  await close(await open(url, ['doorward', `doorward.ticket.${held.ticket}`]))

  // Refused ones are the likeliest to be logged: spent, damaged, foreign, misplaced.
  const nonce = doorward.secret('nonce', 'bm9uY2Utb2YtYS1yZWZ1c2VkLXJ1bg')
  for (const credential of [doorward.grant, code, `${doorward.grant}x`, held.ticket]) {
    for (const path of ['api/token', 'api/bootstrap']) {
      await request(`${doorward.http}/.doorward/${path}`, { method: 'POST', json: { credential, nonce } })
    }
  }
  const damaged = doorward.secret('token', `${held.token.slice(0, -4)}AAAA`)
  await refusal(url, [], { headers: bearer(damaged) })
  await refusal(url, [], { headers: { Cookie: held.cookie }, origin: 'https://evil.example' })
  await refusal(url, ['doorward', `doorward.ticket.${held.ticket}`])
  const misplaced = await ticket(doorward, bearer(held.token))
  await refusal(`${url}?ticket=${misplaced}&token=${held.token}`)
  await request(`${doorward.http}/${held.token}`, { headers: { Referer: doorward.pairingUrl } })

  assert.equal(new Set(doorward.secrets.values()).size, 4, 'grants, nonces, tokens and tickets were seen')
  assert.ok(existsSync(join(doorward.stateDir, 'audit.jsonl')))
  await doorward.stop()
  const places = findSecrets(doorward, {})
  t.diagnostic(`searched ${places.join(', ')} for ${doorward.secrets.size} secrets`)
})
