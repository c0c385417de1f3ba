/** Bytes that cannot be records. */
export class MalformedRecordsError extends Error {
  override readonly name = 'MalformedRecordsError'
}
