// Failures of the set-up, each with its exit code and a paragraph: what happened, why, and what to do.
'use strict'

/** Exit codes, also listed in docs/setup.md. */
const EXIT = /** @type {const} */ ({
  other: 1, node: 10, python: 11, venv: 12, network: 13, disk: 14, permission: 15, packages: 16, build: 17, interrupted: 130,
})

/** @typedef {keyof typeof EXIT} Kind */

class SetupFailure extends Error {
  /**
   * @param {Kind} kind
   * @param {string} what one sentence: what did not work
   * @param {string} why the reason as far as it is known
   * @param {string} todo what the person does next
   */
  constructor(kind, what, why, todo) {
    super(what)
    this.name = 'SetupFailure'
    this.kind = kind
    this.why = why
    this.todo = todo
  }
}

/** The common causes, recognised in what a tool printed. @type {readonly [Kind, RegExp, string][]} */
const CAUSES = [
  ['disk', /ENOSPC|No space left on device|EDQUOT|Disk quota exceeded/i,
    'Free some space (a full set-up takes about 2.5 GB) and run the same command again; it goes on where it stopped.'],
  ['permission', /EROFS|Read-only file system|EACCES|EPERM|Permission denied/i,
    'Make the project folder writable for your user (or clone it to a place that is) and run the same command again.'],
  ['network', /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|network|timed out|Could not (?:find|fetch)|Failed to establish|No matching distribution|NewConnectionError|certificate/i,
    'Check the connection, and the proxy or registry settings of npm and pip (`npm config get registry`, `pip config list`), then run the same command again; what was fetched is kept.'],
]

/**
 * The failure that a tool's output speaks of.
 * @param {Kind} otherwise
 * @param {string} what
 * @param {string} output
 * @param {string} todo used when no common cause is recognised
 */
function failureFrom(otherwise, what, output, todo) {
  const lines = output.trim().split('\n')
  for (const [kind, pattern, advice] of CAUSES) {
    // Tools warn while they still try; the line that says why they gave up comes last.
    const line = lines.findLast((text) => pattern.test(text) && !/^WARNING/.test(text)) ?? lines.findLast((text) => pattern.test(text))
    if (line) return new SetupFailure(kind, what, line.trim().slice(0, 300), advice)
  }
  const last = lines.slice(-12)
  return new SetupFailure(otherwise, what, last.slice(-4).join('\n').trim() || 'it gave no reason', todo)
}

/** @param {string} text @param {number} width */
function wrap(text, width) {
  return text.split('\n').map((line) => {
    const out = ['']
    for (const word of line.split(' ')) {
      const at = out.length - 1
      if (out[at] && out[at].length + word.length + 1 > width) out.push(word)
      else out[at] = out[at] ? out[at] + ' ' + word : word
    }
    return out.join('\n')
  }).join('\n')
}

/** Prints the paragraph and gives the exit code. @param {unknown} error @returns {number} */
function explain(error) {
  if (error instanceof SetupFailure) {
    process.stderr.write(`\n${wrap(`${error.message}. ${error.why}${/[.!?]$/.test(error.why) ? '' : '.'}`, 100)}\n${wrap(error.todo, 100)} (exit code ${EXIT[error.kind]})\n\n`)
    return EXIT[error.kind]
  }
  const known = failureFrom('other', 'The set-up stopped', error instanceof Error ? error.message : String(error), '')
  if (known.kind !== 'other') return explain(known)
  process.stderr.write(`\nThe set-up met a fault of its own: ${error instanceof Error ? error.stack : String(error)}\n` +
    'Run the same command again; if it stays, report it with the text above. (exit code 1)\n\n')
  return EXIT.other
}

module.exports = { EXIT, SetupFailure, failureFrom, explain }
