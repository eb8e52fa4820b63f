// The frame of a page that needs nothing but itself: readable in light and dark, on paper and on a phone.

import { escapeHtml } from './view'

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2530; --faint: #66707d; --line: #d9dee5; --ground: #fff; --tint: #f5f7f9;
  --pass: #1f8a4c; --fail: #c8443f; --none: #87919c; --accent: #2f6fb0 }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ed; --faint: #98a2ae; --line: #353d47; --ground: #14181d; --tint: #1c2228;
  --pass: #3fae6b; --fail: #e0645f; --none: #5b6570; --accent: #6ea8e0 } }
* { box-sizing: border-box }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); max-width: 70rem; margin: 2rem auto; padding: 0 1.2rem }
h1 { font-size: 1.7rem; margin: 0 } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem } h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem }
table { border-collapse: collapse; width: 100%; font-size: .93rem } th, td { text-align: left; vertical-align: top; padding: .45rem .6rem; border-bottom: 1px solid var(--line) }
th { font-weight: 600; color: var(--faint); font-size: .85rem } .number { text-align: right; font-variant-numeric: tabular-nums }
code { font-size: .86em; background: var(--tint); padding: .1em .35em; border-radius: 4px; overflow-wrap: anywhere } pre { background: var(--tint); padding: .7rem; white-space: pre-wrap }
.faint { color: var(--faint); font-size: .88rem } .scores { display: flex; gap: 1.4rem; flex-wrap: wrap; margin: 1.2rem 0 }
figure { margin: 0; min-width: 8.2rem; text-align: center } figcaption { color: var(--faint); font-size: .92rem }
svg { max-width: 100%; height: auto } svg text { fill: var(--ink); font: 13px system-ui, sans-serif } svg .small { fill: var(--faint); font-size: 12px } svg .big { font-size: 26px; font-weight: 650 }
svg .nothing { font-size: 11px; fill: var(--faint) } svg .on { fill: #fff; font-weight: 600; font-size: 12px }
svg .track { fill: none; stroke: var(--line); stroke-width: 9 } svg .value { fill: none; stroke: var(--accent); stroke-width: 9; stroke-linecap: round }
rect.pass { fill: var(--pass) } rect.fail { fill: var(--fail) } rect.none { fill: var(--none) } rect.accent { fill: var(--accent) }
tr.pass .mark { color: var(--pass) } tr.fail .mark { color: var(--fail) } tr.none .mark { color: var(--none) } .mark { font-weight: 700 }
table.lines { table-layout: fixed } table.lines th:nth-child(1) { width: 2rem } table.lines th:nth-child(2) { width: 32% } table.lines th:nth-child(4) { width: 27% }
table.facts { margin-top: .4rem } table.facts td { padding: .2rem .5rem; font-size: .88rem; overflow-wrap: anywhere } summary { color: var(--accent); cursor: pointer; font-size: .88rem }
.filters label { margin-right: 1rem } .chart { width: 100%; max-width: 56rem } .calendar { width: 100%; max-width: 34rem }
@media print { body { max-width: none } details { display: block } }`

/** A whole HTML document. `body` is HTML. */
export function page(title: string, body: string): string {
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">`
    + `<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body>\n${body}\n</body></html>\n`
}
