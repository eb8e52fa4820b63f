// Pages that stand alone: no script, no network, everything that came from outside escaped.
import { escapeHtml as escape } from '../../core'

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --faint: #5d6878; --line: #d8dee6; --paper: #ffffff; --tint: #f4f6f9; --good: #1a7f4b; --bad: #c23b33; --mark: #2f6fb3; --part: #b7791f }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --faint: #9aa7b8; --line: #38424f; --paper: #14181e; --tint: #1c222b; --good: #4fc38a; --bad: #f0776c; --mark: #77aee8; --part: #e0ab55 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .25rem; overflow-wrap: anywhere } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem } h3 { font-size: 1rem; margin: 0 }
a { color: var(--mark) } p { margin: .4rem 0 } .faint { color: var(--faint) } .good { color: var(--good) } .bad { color: var(--bad) } .part { color: var(--part) }
.total { font-size: 2.1rem; font-weight: 650; font-variant-numeric: tabular-nums }
code, pre { font: .88em/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, monospace } pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums } th { text-align: left; font-weight: 600; color: var(--faint); font-size: .85rem }
td, th { padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top } td.n, th.n { text-align: right }
.card { border: 1px solid var(--line); border-radius: 10px; padding: .9rem 1.1rem; margin: .8rem 0 } .head { display: flex; gap: 1rem; justify-content: space-between; align-items: baseline }
.check { margin: .55rem 0 0 } .check > div { padding-left: 1.35rem } .mark { display: inline-block; width: 1.35rem; font-weight: 700 }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .1rem .9rem; background: var(--tint); border-radius: 8px; padding: .5rem .8rem; margin: .3rem 0 .2rem 1.35rem; font-size: .95rem }
.facts > span { color: var(--faint) } .bar { height: 8px; border-radius: 4px; background: var(--line); overflow: hidden; margin: .6rem 0 } .bar > i { display: block; height: 100%; background: var(--good) }
svg { max-width: 100%; height: auto; font: 12px system-ui, "DejaVu Sans", sans-serif } svg text { fill: var(--ink) } svg .faint { fill: var(--faint) } svg .fill { fill: var(--mark) } svg .rest { fill: var(--line) } svg .good { fill: var(--good) } svg .bad { fill: var(--bad) } svg .part { fill: var(--part) } svg line { stroke: var(--line) }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: 1rem } .note { border-left: 4px solid var(--part); padding: .2rem .8rem; margin: .5rem 0; overflow-wrap: anywhere }
@media print { body { max-width: none } .card { break-inside: avoid } }`

/** A whole page. `title` is text, `body` is HTML. */
export function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${STYLE}
</style>
</head>
<body>
${body}
</body>
</html>
`
}

/** A name of a file from a name that may be anything: readable where it can be, and never two the same. */
export function fileName(learner: string, digest: (text: string) => string): string {
  const safe = learner.normalize('NFC').replaceAll(/[^\p{L}\p{N}._@-]+/gu, '-').replace(/^[.-]+/, '').slice(0, 80)
  return safe === learner && safe !== '' ? safe : `${safe === '' ? 'learner' : safe}-${digest(learner).slice(0, 8)}`
}
