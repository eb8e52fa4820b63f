// Fault 6: the right answers about comms (widgets), which this kernel does not have: an empty list of the right type,
// and an opened comm is closed again, as the protocol asks.
import type { Content } from './wire'

export const COMM_INFO: { readonly type: string; readonly content: Content } = {
  type: 'comm_info_reply', content: { status: 'ok', comms: {} },
}

/** What to publish when a front end opens a comm. */
export function closeComm(open: Content): { readonly type: string; readonly content: Content } {
  return { type: 'comm_close', content: { comm_id: open['comm_id'] ?? '', data: {} } }
}
