// What the client of kernels takes and gives.
import type { Output } from './outputs'
import type { Content, Message } from './wire'

export interface KernelLaunch {
  /** The kernelspec's command; `{connection_file}` is filled in. */
  readonly argv: readonly string[]
  /** The notebook's folder; the caller's working directory when absent. */
  readonly cwd?: string
  /** Added to the caller's environment. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** The kernelspec's `interrupt_mode`. Default: `message`. */
  readonly interruptMode?: 'message' | 'signal'
  /** Milliseconds to the first answer. Default: 60,000. */
  readonly startTimeout?: number
}

export interface ExecuteOptions {
  /** Milliseconds; default 300,000. After it the promise rejects with `KERNEL_TIMEOUT`; the kernel is left as it is. */
  readonly timeout?: number
  /** Called for each output as it arrives or grows. */
  readonly onOutput?: (output: Output, message: Message) => void
  /** Called for every iopub message of this request, `status` included. */
  readonly onMessage?: (message: Message) => void
  /** Whether the code may ask for input. Default: true when `answer` is given. */
  readonly allowStdin?: boolean
  readonly answer?: (prompt: string, password: boolean) => string | Promise<string>
  readonly silent?: boolean
  readonly storeHistory?: boolean
  /** Whether queued executions are dropped when this one fails. Default: true, as in Jupyter. */
  readonly stopOnError?: boolean
  readonly userExpressions?: Readonly<Record<string, string>>
  /** The cell's id, sent as JupyterLab does. */
  readonly cellId?: string
}

export interface Execution {
  readonly status: 'ok' | 'error' | 'aborted'
  /** nbformat 4 outputs, in order, consecutive stream text joined. */
  readonly outputs: Output[]
  readonly executionCount: number | null
  /** The content of `execute_reply`. */
  readonly reply: Content
  /** Every iopub message of this request. */
  readonly messages: readonly Message[]
}
