import type { ErrorSpec, HeadraceError } from '../errors/index.ts'
import type { RejectedRecord } from './decoder.ts'

/** Characters of a reason; dead letters keep the whole record beside it. */
const MAX_REASON = 300
/** Characters of a value quoted in a reason. */
const MAX_QUOTED = 100

interface RejectionClass {
  new (details: { reason: string }): HeadraceError
  readonly spec: ErrorSpec<{ reason: string }>
}

export function reject(kind: RejectionClass, record: number, reason: string): RejectedRecord {
  return { record, code: kind.spec.code, reason: cut(printable(reason), MAX_REASON) }
}

/** Why a value is not JSON, as far as can be told: where it goes wrong and what stands there. */
export function describeMalformed(value: Uint8Array): string {
  if (value[0] === 0xef && value[1] === 0xbb && value[2] === 0xbf) return 'not JSON: it begins with a byte order mark'
  const text = Buffer.from(value.buffer, value.byteOffset, value.length).toString()
  try {
    JSON.parse(text)
  } catch (error) {
    return `not JSON: ${problemOf(error as SyntaxError, text)}`
  }
  return `not JSON that DuckDB reads: ${quote(text)}`
}

/** V8 says "… in JSON at position 17 (line 1 column 18)", or quotes the text around; the position is what helps. */
function problemOf(error: SyntaxError, text: string): string {
  const match = /^(.*?)(?: in JSON)? at position (\d+)/.exec(error.message)
  if (match !== null) {
    const position = Number(match[2])
    return `${lower(match[1] as string)} at position ${position}: ${quote(text.slice(Math.max(0, position - 20)))}`
  }
  if (/end of JSON/.test(error.message)) return `it ends too early: ${quote(text)}`
  return quote(text)
}

/** `an INTEGER`, `a DATE`. */
export function withArticle(type: string): string {
  return `${/^[AEIO]/.test(type) ? 'an' : 'a'} ${type}`
}

/** At most a hundred characters of a text, as they stand. */
export function quote(text: string): string {
  return cut(text, MAX_QUOTED)
}

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`
}

/** Control characters (and lone surrogates) written out, so that a terminal shows the reason and nothing else happens. */
function printable(text: string): string {
  return text
    .toWellFormed()
    .replace(
      /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
      (char) => `\\u${(char.codePointAt(0) as number).toString(16).padStart(4, '0')}`,
    )
}
