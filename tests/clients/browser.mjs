// Chromium, driven by playwright-core.

import assert from 'node:assert/strict'
import { require } from './harness.mjs'

const { chromium } = require('playwright-core')

/** A headless Chromium, closed when the test ends. */
export async function launchChromium(t) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  })
  t.after(() => browser.close())
  return browser
}

/**
 * A page in a profile of its own. `complaints` collects page errors, refused resources and breaches of the
 * content security policy; every grant, nonce and cookie that it sends is watched as a secret.
 */
export async function profile(browser, doorward, options = {}) {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(15_000)
  const page = await context.newPage()
  const complaints = []
  page.on('pageerror', error => complaints.push(`page error: ${error}`))
  page.on('console', message => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`)
  })
  page.on('request', outgoing => {
    if (!outgoing.url().includes('/.doorward/api/') || !outgoing.postData()) return
    const sent = JSON.parse(outgoing.postData())
    if (sent.nonce) doorward.secret('nonce', sent.nonce)
  })
  return { context, page, complaints }
}

/** Opens a pairing link and waits for the console; the cookie that the browser got. */
export async function pairInBrowser(doorward, { context, page }, link = doorward.pairingUrl) {
  await page.goto(link)
  await connected(page)
  return browserCookie(doorward, context)
}

export async function connected(page) {
  await page.locator('#state', { hasText: /^\s*connected\s*$/ }).waitFor()
}

export async function browserCookie(doorward, context) {
  const found = (await context.cookies(doorward.http)).find(each => each.name === doorward.cookieName)
  assert.ok(found, 'the browser has no session cookie')
  assert.ok(found.httpOnly && found.sameSite === 'Lax')
  assert.equal(found.secure, doorward.http.startsWith('https:'))
  return doorward.secret('token', found.value)
}
