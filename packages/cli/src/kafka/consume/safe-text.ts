import { isUtf8 } from 'node:buffer'

const HIGHEST_ASCII = 0x7f
const NEWLINE = 0x0a
const TAB = 0x09
const FIRST_PRINTABLE = 0x20

/**
 * Bytes as text that any reader can take: what is no UTF-8 becomes `\xHH`. For a terminal, control characters other than line
 * ends and tabs do so too, since they could move the cursor or worse. Bytes that are fine come back as they are.
 */
export function safeText(bytes: Buffer, forTerminal: boolean): Buffer {
  const isText = isUtf8(bytes)
  if (isText && !(forTerminal && hasControls(bytes))) return bytes
  const parts: string[] = []
  for (let position = 0; position < bytes.length; ) {
    const byte = bytes[position] as number
    const length = byte <= HIGHEST_ASCII ? 1 : sequenceLength(bytes, position)
    if (length === 0 || (forTerminal && isControl(bytes, position, length))) {
      const end = position + Math.max(1, length)
      for (; position < end; position++) parts.push(`\\x${(bytes[position] as number).toString(16).padStart(2, '0')}`)
    } else {
      parts.push(bytes.toString('utf8', position, position + length))
      position += length
    }
  }
  return Buffer.from(parts.join(''))
}

/** Bytes of the UTF-8 character that begins at `position`; 0 where none does. */
function sequenceLength(bytes: Buffer, position: number): number {
  for (let length = 2; length <= 4 && position + length <= bytes.length; length++) {
    if (isUtf8(bytes.subarray(position, position + length))) return length
  }
  return 0
}

function isControl(bytes: Buffer, position: number, length: number): boolean {
  const byte = bytes[position] as number
  if (length === 1) return (byte < FIRST_PRINTABLE && byte !== NEWLINE && byte !== TAB) || byte === HIGHEST_ASCII
  // U+0080 to U+009F: a terminal may take them for the beginning of a command.
  return length === 2 && byte === 0xc2 && (bytes[position + 1] as number) < 0xa0
}

function hasControls(bytes: Buffer): boolean {
  for (let position = 0; position < bytes.length; position++) {
    const byte = bytes[position] as number
    if (byte === 0xc2 || byte <= HIGHEST_ASCII) {
      if (isControl(bytes, position, byte === 0xc2 ? 2 : 1)) return true
    }
  }
  return false
}
