// Where the project lies, for every command.
import path from 'node:path'

/** The folder with package.json; this file is compiled to dist/cli/. */
export const root: string = path.resolve(__dirname, '..', '..')

/** Generated state: caches, logs, the journal. */
export const stateFolder: string = path.join(root, '.whetstone')

/** The project's own Python, as the set-up makes it. */
export const projectPython: string = path.join(root, '.venv', 'bin', 'python')
