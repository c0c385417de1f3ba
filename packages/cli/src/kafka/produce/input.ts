import { InputInvalidError } from '../errors.ts'
import { CsvQuoteError, CsvReader } from './csv.ts'
import { LineSplitter } from './lines.ts'

export const INPUT_FORMATS = ['lines', 'json', 'key-value', 'csv'] as const

export interface InputOptions {
  readonly format: (typeof INPUT_FORMATS)[number]
  /** For a person: `stdin` or the file. */
  readonly name: string
  readonly keySeparator: string
  readonly delimiter: string
  /** Where the key is: a path of members in JSON (`user.id`), a column of CSV. */
  readonly key?: string | undefined
  /** Text that stands for a key or value that is null. */
  readonly nullText?: string | undefined
}

/** Takes records; their bytes are good until the call returns. */
export interface RecordTarget {
  record(key: Buffer | null, value: Buffer | null): void
  /** A record without a key whose value is a part of a buffer: no view is made of it. */
  part(bytes: Buffer, start: number, end: number): void
}

/** Turns input that comes in pieces into records. Both throw PRODUCE_INPUT_INVALID with the line's number. */
export interface InputReader {
  push(chunk: Buffer, target: RecordTarget): void
  end(target: RecordTarget): void
}

export function openInput(options: InputOptions): InputReader {
  return options.format === 'csv' ? new CsvInput(options) : new LineInput(options)
}

/** What is wrong with a line, and what can be done about it. */
class LineProblem extends Error {
  readonly remedy: string
  constructor(message: string, remedy: string) {
    super(message)
    this.remedy = remedy
  }
}

class LineInput implements InputReader {
  readonly #lines = new LineSplitter()
  readonly #name: string
  readonly #shape: LineShape

  constructor(options: InputOptions) {
    this.#name = options.name
    this.#shape = lineShape(options)
  }

  push(chunk: Buffer, target: RecordTarget): void {
    this.#placed(() => this.#lines.push(chunk, (bytes, start, end) => this.#shape(bytes, start, end, target)))
  }

  end(target: RecordTarget): void {
    this.#placed(() => this.#lines.end((bytes, start, end) => this.#shape(bytes, start, end, target)))
  }

  #placed(read: () => void): void {
    try {
      read()
    } catch (error) {
      if (!(error instanceof LineProblem)) throw error
      const { message: reason, remedy } = error
      throw new InputInvalidError({ input: this.#name, line: this.#lines.count, reason, remedy })
    }
  }
}

type LineShape = (bytes: Buffer, start: number, end: number, target: RecordTarget) => void
type Nullable = (bytes: Buffer) => Buffer | null

function lineShape(options: InputOptions): LineShape {
  const nullable = nullFrom(options.nullText)
  switch (options.format) {
    case 'key-value':
      return keyValueShape(options.keySeparator, nullable)
    case 'json':
      return jsonShape(options.key, options.nullText)
    default:
      if (options.nullText === undefined) return (bytes, start, end, target) => target.part(bytes, start, end)
      return (bytes, start, end, target) => target.record(null, nullable(bytes.subarray(start, end)))
  }
}

function nullFrom(text: string | undefined): Nullable {
  if (text === undefined) return (bytes) => bytes
  const wanted = Buffer.from(text)
  return (bytes) => (bytes.length === wanted.length && bytes.equals(wanted) ? null : bytes)
}

function keyValueShape(text: string, nullable: Nullable): LineShape {
  const separator = Buffer.from(text)
  return (bytes, start, end, target) => {
    const line = bytes.subarray(start, end)
    const at = line.indexOf(separator)
    if (at < 0) {
      throw new LineProblem(
        `there is no key separator ${JSON.stringify(text)}`,
        'Each line must read key, separator, value: name another with --key-separator, or use --format lines.',
      )
    }
    target.record(nullable(line.subarray(0, at)), nullable(line.subarray(at + separator.length)))
  }
}

/** Blank lines are passed over; every other one must be a JSON value. */
function jsonShape(key: string | undefined, nullText: string | undefined): LineShape {
  const path = key?.split('.')
  return (bytes, start, end, target) => {
    const text = bytes.toString('utf8', start, end)
    if (text === nullText) {
      target.record(null, null)
      return
    }
    if (text.trim() === '') return
    const value = parseJson(text)
    if (path === undefined) target.part(bytes, start, end)
    else target.record(keyAt(value, path), bytes.subarray(start, end))
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new LineProblem(`it is not JSON: ${reason}`, 'Mend the line, or send it as it is with --format lines.')
  }
}

function keyAt(document: unknown, path: readonly string[]): Buffer | null {
  let value = document
  for (const name of path) {
    value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
  }
  if (value === undefined) {
    throw new LineProblem(
      `it has no member ${JSON.stringify(path.join('.'))} for the key`,
      'Fix --key, or give such records a null there: they are sent without a key.',
    )
  }
  if (value === null) return null
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
}

/** Rows become JSON objects by the names of the first one; all values are texts. */
class CsvInput implements InputReader {
  readonly #reader: CsvReader
  readonly #options: InputOptions
  #names: readonly string[] | undefined
  #keyColumn = -1

  constructor(options: InputOptions) {
    this.#options = options
    this.#reader = new CsvReader(options.delimiter)
  }

  push(chunk: Buffer, target: RecordTarget): void {
    this.#placed(() => this.#reader.push(chunk, (fields, line) => this.#row(fields, line, target)))
  }

  end(target: RecordTarget): void {
    this.#placed(() => this.#reader.end((fields, line) => this.#row(fields, line, target)))
  }

  #row(fields: readonly string[], line: number, target: RecordTarget): void {
    const names = this.#names
    if (names === undefined) {
      this.#begin(fields, line)
      return
    }
    if (fields.length !== names.length) {
      this.#refuse(line, `it has ${fields.length} fields, the header has ${names.length}`, 'Mend the row.')
    }
    const { nullText } = this.#options
    const named = names.map((name, column) => [name, fields[column] === nullText ? null : fields[column]])
    const key = this.#keyColumn < 0 ? undefined : fields[this.#keyColumn]
    target.record(
      key === undefined || key === nullText ? null : Buffer.from(key),
      Buffer.from(JSON.stringify(Object.fromEntries(named))),
    )
  }

  #begin(fields: readonly string[], line: number): void {
    const names = fields.map((name, column) => (column === 0 ? name.replace(/^\ufeff/, '') : name))
    const { key } = this.#options
    const twice = names.find((name, column) => names.indexOf(name) !== column)
    if (twice !== undefined)
      this.#refuse(line, `the header names ${JSON.stringify(twice)} twice`, 'Rename one of them.')
    if (key !== undefined && !names.includes(key)) {
      this.#refuse(
        line,
        `there is no column ${JSON.stringify(key)} for the key`,
        `The columns are ${names.join(', ')}.`,
      )
    }
    this.#names = names
    this.#keyColumn = key === undefined ? -1 : names.indexOf(key)
  }

  #placed(read: () => void): void {
    try {
      read()
    } catch (error) {
      if (!(error instanceof CsvQuoteError)) throw error
      this.#refuse(error.line, error.message, 'A quote within a quoted field is written twice.')
    }
  }

  #refuse(line: number, reason: string, remedy: string): never {
    throw new InputInvalidError({ input: this.#options.name, line, reason, remedy })
  }
}
