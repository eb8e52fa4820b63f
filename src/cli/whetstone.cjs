#!/usr/bin/env node
// The command `whetstone`. Written for any Node, however old, so that it can say which one is needed; everything else
// is in bootstrap/ (plain JavaScript, because nothing is compiled yet) and in the compiled commands.
'use strict'

var parts = process.versions.node.split('.').map(Number)
var major = parts[0] || 0
var minor = parts[1] || 0
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    '\nWhetstone needs Node.js 20.19 or later, and this is ' + process.versions.node + '.\n' +
    'The libraries it stands on do not run on older versions. Install a current Node.js (https://nodejs.org, or\n' +
    '`nvm install --lts`), open a new terminal, and run the same command again. (exit code 10)\n')
  process.exit(10)
}
require('./bootstrap/main.cjs')
