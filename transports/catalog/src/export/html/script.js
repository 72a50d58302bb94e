'use strict'
{
  const byId = id => document.getElementById(id)
  const form = byId('filter')
  const words = byId('words')
  const count = byId('count')
  const unfold = byId('unfold')
  const choices = ['level', 'stride', 'attacker']
  const folds = [...document.querySelectorAll('details')]

  const threats = [...document.querySelectorAll('article.threat')].map(article => ({
    article,
    shown: [article, ...document.querySelectorAll(`[data-of="${article.dataset.threat}"]`)],
    text: article.textContent.toLowerCase().replace(/\s+/g, ' '),
  }))

  const asked = () => ({
    words: words.value.toLowerCase().split(/\s+/).filter(word => word),
    choices: choices.map(id => [id, byId(id).value]).filter(([, value]) => value),
  })

  function filter() {
    const { words, choices } = asked()
    let left = 0
    for (const { article, shown, text } of threats) {
      const fits = words.every(word => text.includes(word)) &&
        choices.every(([id, value]) => article.dataset[id].split('|').includes(value))
      for (const element of shown) element.classList.toggle('out', !fits)
      if (fits) left += 1
    }
    const all = `${threats.length} threats`
    count.textContent = left === threats.length ? all : `${left} of ${all}`
    document.body.classList.toggle('filtered', left < threats.length)
  }

  function clear() {
    form.reset()
    filter()
  }

  function fold(open) {
    for (const each of folds) each.open = open
    unfold.textContent = open ? 'Fold all' : 'Unfold all'
    unfold.setAttribute('aria-pressed', open)
  }

  /** A link to a threat that the filter has taken out ends the filter. */
  function arrive() {
    const target = location.hash && byId(location.hash.slice(1))
    if (!target) return
    if (target.classList.contains('out')) clear()
    target.scrollIntoView()
  }

  form.hidden = false
  form.addEventListener('input', filter)
  form.addEventListener('submit', event => {
    event.preventDefault()
    const first = document.querySelector('#list tr[data-of]:not(.out) a')
    if (first) first.focus()
  })
  byId('clear').addEventListener('click', clear)
  unfold.addEventListener('click', () => fold(unfold.getAttribute('aria-pressed') !== 'true'))
  document.addEventListener('keydown', event => {
    const typing = event.target instanceof Element && event.target.closest('input, select')
    if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault()
      words.focus()
    }
    if (event.key === 'Escape' && typing) clear()
  })
  addEventListener('hashchange', arrive)

  // On paper everything is unfolded, and afterwards as it was.
  let before = []
  addEventListener('beforeprint', () => {
    before = folds.map(each => each.open)
    for (const each of folds) each.open = true
  })
  addEventListener('afterprint', () => folds.forEach((each, index) => { each.open = before[index] }))

  fold(false)
  // Some browsers keep what was typed across a reload.
  filter()
  arrive()
}
