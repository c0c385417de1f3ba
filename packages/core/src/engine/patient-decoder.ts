import type { Decoder } from '../decode/index.ts'
import { HeadraceError } from '../errors/index.ts'
import { backoffMs, sleep } from './backoff.ts'
import type { PublishProblem } from './publisher.ts'

interface Patience {
  readonly signal: AbortSignal
  readonly onProblem: (problem: PublishProblem | undefined) => void
}

/** Decodes again, waiting longer each time, where the error says that waiting may help: a schema registry that is down. */
export function patientDecoder(decoder: Decoder, { signal, onProblem }: Patience): Decoder {
  return {
    async decode(request) {
      for (let attempts = 1; ; attempts++) {
        try {
          const decoded = await decoder.decode(request)
          if (attempts > 1) onProblem(undefined)
          return decoded
        } catch (error) {
          if (!(error instanceof HeadraceError) || error.retry !== 'backoff' || signal.aborted) throw error
          const waitMs = backoffMs(attempts)
          onProblem({ error, attempts, waitMs, nextAttemptAt: Date.now() + waitMs })
          await sleep(waitMs, signal)
        }
      }
    },
  }
}
