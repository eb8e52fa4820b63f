// Fault 5: what the value of a cell looks like in the notebook: a bundle of MIME types.
import { KernelError } from './errors'
import type { Bundle } from './protocol'
import type { Renderer } from './host'

export const displaySymbol: unique symbol = Symbol.for('Jupyter.display') as never

/** @throws KernelError `KERNEL_DISPLAY` for what is not a plain record of MIME types */
export function checkBundle(bundle: unknown, what: string): Record<string, unknown> {
  if (typeof bundle !== 'object' || bundle === null || Array.isArray(bundle)) {
    throw new KernelError('KERNEL_DISPLAY', `${what} gave ${bundle === null ? 'null' : typeof bundle} instead of a MIME bundle`,
      'give an object such as { "text/html": "<b>hello</b>", "text/plain": "hello" }')
  }
  const strange = Object.keys(bundle).find((type) => !/^[^/\s]+\/[^/\s]+$/.test(type))
  if (strange !== undefined) {
    throw new KernelError('KERNEL_DISPLAY', `${what} gave ${JSON.stringify(strange)}, which is not a MIME type`,
      'name each form by its MIME type, such as "text/html"')
  }
  // Bytes travel as base64, as Jupyter does it for images.
  return Object.fromEntries(Object.entries(bundle).map(([type, form]) =>
    [type, form instanceof Uint8Array ? Buffer.from(form).toString('base64') : form as unknown]))
}

/**
 * The bundle of a value: by its own `Symbol.for('Jupyter.display')`, else by the last registered renderer that knows it,
 * else as text. A form that fails falls back to text and says why.
 */
export async function renderValue(
  value: unknown, renderers: readonly Renderer[], inspect: (value: unknown) => string, describe: (error: unknown) => string,
): Promise<Bundle> {
  const withText = (bundle: Record<string, unknown>): Bundle =>
    ({ data: 'text/plain' in bundle ? bundle : { ...bundle, 'text/plain': inspect(value) }, metadata: {} })
  if (value instanceof Error) return { data: { 'text/plain': describe(value) }, metadata: {} }
  try {
    if ((typeof value === 'object' && value !== null) || typeof value === 'function') {
      const show = (value as { [displaySymbol]?: unknown })[displaySymbol]
      if (typeof show === 'function') {
        return withText(checkBundle(await (show.call(value) as unknown), 'Symbol.for("Jupyter.display")'))
      }
    }
    for (const render of [...renderers].reverse()) {
      const bundle = render(value)
      if (bundle !== undefined) return withText(checkBundle(bundle, 'A renderer'))
    }
  } catch (error) {
    return { data: { 'text/plain': `${inspect(value)}\n(showing it richly failed: ${describe(error)})` }, metadata: {} }
  }
  return { data: { 'text/plain': inspect(value) }, metadata: {} }
}
