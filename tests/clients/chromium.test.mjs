// A person opens the link that `doorward serve` printed. Then everybody else tries.

import assert from 'node:assert/strict'
import http from 'node:http'
import test from 'node:test'
import { browserCookie, connected, launchChromium, pairInBrowser, profile } from './browser.mjs'
import { cookieName, listen, request, startDoorward } from './harness.mjs'

//= req: SECRET-7, type=test
test('chromium: the link pairs, its fragment is gone, the console echoes over its WebSocket', async t => {
  const doorward = await startDoorward(t)
  const browser = await launchChromium(t)
  const person = await profile(browser, doorward)
  await pairInBrowser(doorward, person)

  const { page } = person
  assert.equal(new URL(page.url()).hash, '', 'the grant is still in the address bar')
  await page.goBack().catch(() => {})
  assert.ok(!page.url().includes(doorward.grant), 'the grant is in the history')
  await page.goto(`${doorward.http}/`)
  await connected(page)
  assert.notEqual((await page.locator('#subject').innerText()).trim(), '')
  assert.notEqual((await page.locator('#expires').innerText()).trim(), '')
  await page.locator('#echo-input').fill('across the real thing')
  await page.locator('#echo-send').click()
  await page.locator('#echo-log', { hasText: 'across the real thing' }).waitFor()
  assert.deepEqual(person.complaints, [])
})

test('chromium: the link of a server that speaks QUIC pairs too, and the console says where and with which certificate', async t => {
  const doorward = await startDoorward(t, { args: ['--quic', '127.0.0.1:0'] })
  const browser = await launchChromium(t)
  const person = await profile(browser, doorward)
  await pairInBrowser(doorward, person)

  const text = id => person.page.locator(id).innerText()
  assert.equal(await text('#quic-url'), `quic://${doorward.ready.quic}`)
  assert.equal(await text('#quic-sha256'), doorward.ready.certificate_sha256)
  assert.deepEqual(person.complaints, [])
})

test('chromium: the link opened again in another profile is refused with a clear page', async t => {
  const doorward = await startDoorward(t)
  const browser = await launchChromium(t)
  await pairInBrowser(doorward, await profile(browser, doorward))

  const { context, page, complaints } = await profile(browser, doorward)
  await page.goto(doorward.pairingUrl)
  const error = page.locator('#error', { hasText: /\w+ \w+/ })
  await error.waitFor()
  assert.ok(await error.isVisible())
  assert.deepEqual(await context.cookies(), [], 'the second profile got a cookie')
  assert.equal(new URL(page.url()).hash, '')
  // The refused redemption itself is the one thing that the browser may report.
  assert.deepEqual(complaints.filter(each => !/status of 401/.test(each)), [])

  await page.goto(`${doorward.http}/`).catch(() => {})
  assert.equal(await page.locator('#state', { hasText: /^\s*connected\s*$/ }).count(), 0)
})

test('chromium: a page of another origin in the paired profile reaches nothing, though its cookie goes along', async t => {
  const doorward = await startDoorward(t)
  const browser = await launchChromium(t)
  const person = await profile(browser, doorward)
  await pairInBrowser(doorward, person)

  let attached = ''
  const foreign = await listen(t, http.createServer((incoming, answer) => {
    attached += incoming.headers.cookie ?? ''
    answer.setHeader('Content-Type', 'text/html')
    answer.end('<!doctype html><title>foreign</title>')
  }))
  const page = await person.context.newPage()
  await page.goto(foreign)
  assert.ok(attached.includes(cookieName(doorward.port)), 'cookies do not separate ports: it must have been sent')

  const seen = await page.evaluate(async ({ base, websocket }) => {
    const upgrade = path => new Promise(resolve => {
      const socket = new WebSocket(websocket + path)
      socket.onopen = () => resolve('open')
      socket.onclose = event => resolve(event.code)
    })
    const read = (path, options) => fetch(base + path, { credentials: 'include', ...options })
      .then(async answer => answer.type === 'opaque' ? 'opaque' : answer.text(), () => 'blocked')
    return {
      upgrade: await upgrade('/echo'),
      session: await read('/.doorward/api/session'),
      page: await read('/'),
      ticket: await read('/.doorward/api/ticket', { method: 'POST' }),
      json: await read('/.doorward/api/ticket', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' }),
      logout: await read('/.doorward/api/logout', { method: 'POST', mode: 'no-cors', body: '{}' }),
    }
  }, { base: doorward.http, websocket: doorward.websocket })
  assert.deepEqual(seen, {
    upgrade: 1006, session: 'blocked', page: 'blocked', ticket: 'blocked', json: 'blocked', logout: 'opaque',
  })

  // The blind POST to the logout did nothing either.
  await person.page.reload()
  await connected(person.page)
  const own = await browserCookie(doorward, person.context)
  const still = await request(`${doorward.http}/.doorward/api/session`, {
    headers: { Cookie: `${cookieName(doorward.port)}=${own}`, 'Sec-Fetch-Site': 'same-origin' },
  })
  assert.equal(still.json.subject !== undefined && still.status, 200, still.text)
})
