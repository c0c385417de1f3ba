import type { PlannedRecord } from './trade-plan.ts'

/** Somewhere that records are sent to. `send` is called for one batch at a time, and resolves once it has been taken. */
export interface Sender {
  send(records: readonly PlannedRecord[]): Promise<void>
  close(): Promise<void>
}
