// Someone reads a code off the terminal and types it into the page.

import assert from 'node:assert/strict'
import test from 'node:test'
import { browserCookie, connected, launchChromium, profile } from './browser.mjs'
import { pair, startDoorward } from './harness.mjs'

test('typed code: issued beside the running listener, typed by keyboard alone, on a phone in the dark', async t => {
  const doorward = await startDoorward(t)
  const { credential, url } = await pair(doorward, '--code')
  assert.match(credential, /^[2-9A-HJ-NP-Z]{4}(-[2-9A-HJ-NP-Z]{4}){2}$/)
  assert.equal(url, null)

  const browser = await launchChromium(t)
  const person = await profile(browser, doorward, { viewport: { width: 360, height: 640 }, colorScheme: 'dark' })
  const { page } = person
  await page.goto(`${doorward.http}/.doorward/pair`)
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  assert.ok(overflow <= 0, `the page is ${overflow} px wider than the phone`)
  await page.locator('#code').focus()
  await page.keyboard.type(credential.toLowerCase().replaceAll('-', ' '))
  await page.keyboard.press('Enter')
  await connected(page)
  await browserCookie(doorward, person.context)
  assert.deepEqual(person.complaints, [])
})

test('typed code: a wrong one says so, and the right one still works afterwards', async t => {
  const doorward = await startDoorward(t)
  const { credential } = await pair(doorward, '--code')
  const browser = await launchChromium(t)
  const { context, page } = await profile(browser, doorward)
  await page.goto(`${doorward.http}/.doorward/pair`)
  await page.locator('#code').fill('2222-2222-2222')
  await page.locator('#pair-button').click()
  await page.locator('#error', { hasText: /\w+ \w+/ }).waitFor()
  assert.deepEqual(await context.cookies(), [])

  await page.locator('#code').fill(credential)
  await page.locator('#pair-button').click()
  await connected(page)
  await browserCookie(doorward, context)
})
