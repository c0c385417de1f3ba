import { isUtf8 } from 'node:buffer'
import type { StoredDeadLetter } from '@headrace/core'
import type { Colors } from './colors.ts'
import { cellText } from './table.ts'

/** A dead letter for scripts: bytes in base64, and as text where they are UTF-8. */
export function letterDocument(letter: StoredDeadLetter) {
  const value = bytesOf(letter.valueBase64)
  return {
    ...letter,
    ordinal: Number(letter.ordinal),
    ...(value !== undefined && isUtf8(value) ? { value: value.toString() } : {}),
  }
}

/** A dead letter for a person: where it was, why it is one, and its bytes. */
export function renderLetter(letter: StoredDeadLetter, colors: Colors): string {
  const lines = [
    `${colors.bold(`${letter.partition}@${letter.ordinal}`)}  ${colors.red(letter.code)}  ${cellText(letter.reason)}`,
    `  ${colors.dim('step')}   ${letter.step}`,
    `  ${colors.dim('time')}   ${letter.timestamp ?? 'none'}`,
  ]
  const key = bytesOf(letter.keyBase64)
  if (key !== undefined) lines.push(`  ${colors.dim('key')}    ${renderBytes(key)}`)
  lines.push(`  ${colors.dim('value')}  ${renderBytes(bytesOf(letter.valueBase64), colors)}`)
  return lines.join('\n')
}

/** Bytes on one line: text where they are UTF-8, else text with every other byte as `\xff`. */
export function renderBytes(bytes: Buffer | undefined, colors?: Colors): string {
  const aside = (text: string) => colors?.dim(text) ?? text
  if (bytes === undefined) return aside('null')
  if (bytes.length === 0) return aside('empty')
  if (isUtf8(bytes)) return cellText(bytes.toString())
  const text = Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
  ).join('')
  return `${text}  ${aside(`(${bytes.length} bytes, not UTF-8)`)}`
}

function bytesOf(base64: string | null): Buffer | undefined {
  return base64 === null ? undefined : Buffer.from(base64, 'base64')
}
