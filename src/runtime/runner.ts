// Models run by their bytes, for what is given a `run` function: the last sessions are kept, so that running one model over
// many samples loads it once.
import { Session, type SessionOptions, type Tensors } from './session'
import type { RuntimeTensor } from './tensor'

/** Sessions that are kept: a model, its quantized version, and one that measures between them. */
const KEPT = 3

/** Runs a model on inputs. Dispose of it when done. */
export interface Runner {
  (model: Uint8Array, inputs: Tensors): Record<string, RuntimeTensor>
  /** Frees the sessions that are kept; the runner can be used again. */
  readonly dispose: () => void
}

/**
 * A function that runs models. A session is found again by the identity of the bytes: do not change them in place.
 *
 * @example
 * const run = runner({ optimization: 'disabled' })
 * const { model: small } = quantizeStatic(model, { data, run })
 * run.dispose()
 */
export function runner(options: SessionOptions = {}): Runner {
  const sessions = new Map<Uint8Array, Session>()
  const run = (model: Uint8Array, inputs: Tensors): Record<string, RuntimeTensor> => {
    let session = sessions.get(model)
    if (session === undefined) session = Session.create(model, options)
    // Deleting and setting puts it last: the first is the one that was used longest ago.
    sessions.delete(model)
    sessions.set(model, session)
    for (const [bytes, oldest] of sessions) {
      if (sessions.size <= KEPT) break
      sessions.delete(bytes)
      oldest.dispose()
    }
    return session.runSync(inputs)
  }
  return Object.assign(run, {
    dispose: () => {
      for (const session of sessions.values()) session.dispose()
      sessions.clear()
    },
  })
}
