import type { ByteWriter } from './byte-writer.ts'
import { ValueRefusedError } from './staged-scalars.ts'

/** Writes the value that stands at these bytes of a staged row, and is not NULL. */
export type WriteValue = (row: Buffer, start: number, end: number, out: ByteWriter) => void

/** One column's part of a value. */
interface ColumnEncoder {
  readonly name: string
  /** With what a format needs around a value, and for NULL. */
  readonly write: WriteValue
  /** Whether there are values that `write` refuses: it throws ValueRefusedError. */
  readonly mayRefuse: boolean
}

/** How rows become values of a format: the schema to register, and what writes each column. */
export interface ValueFormat {
  readonly type: 'AVRO' | 'PROTOBUF' | 'JSON'
  readonly schema: string
  /** In the order in which they are written. */
  readonly columns: readonly ColumnEncoder[]
  /** What stands before the columns, behind the schema's id. */
  readonly head: Uint8Array
  /** And behind them. */
  readonly tail: Uint8Array
}

const N = 0x6e

/** Whether NULL stands there. A `NaN` begins otherwise. */
export function isNull(row: Buffer, start: number): boolean {
  return row[start] === N
}

/** The same with the column's name before a refusal. */
export function named(name: string, write: WriteValue): WriteValue {
  return (row, start, end, out) => {
    try {
      write(row, start, end, out)
    } catch (error) {
      if (!(error instanceof ValueRefusedError)) throw error
      throw new ValueRefusedError(`column ${name}: ${error.message}`, { cause: error })
    }
  }
}
