/** The bytes that DuckDB's text form of a BLOB stands for: printable ones as they are, others as `\xHH`. */
export function blobOf(text: string): Buffer {
  return Buffer.from(
    text.replaceAll(/\\x([0-9A-Fa-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
}
