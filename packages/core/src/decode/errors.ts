import { defineError } from '../errors/index.ts'

/** Why a record became a dead letter. `reason` is one line for a person, safe to print. */
interface Rejection {
  readonly reason: string
}

export class RecordEmptyError extends defineError<Rejection>({
  code: 'RECORD_EMPTY',
  fault: 'user',
  retry: 'never',
  message: (d) => d.reason,
  hint: () =>
    'Tombstones (null values) and empty values hold no row. `tombstones: rows` beside `decode:` makes rows of NULLs of tombstones.',
  example: { reason: 'the record has no value (a tombstone)' },
}) {}

export class RecordNotUtf8Error extends defineError<Rejection>({
  code: 'RECORD_NOT_UTF8',
  fault: 'user',
  retry: 'never',
  message: (d) => d.reason,
  hint: () =>
    'JSON is UTF-8. Have the producer encode its text as UTF-8, or choose the format that the records really have.',
  example: { reason: 'not UTF-8: byte 0xFF at 17' },
}) {}

export class RecordMalformedError extends defineError<Rejection>({
  code: 'RECORD_MALFORMED',
  fault: 'user',
  retry: 'never',
  message: (d) => d.reason,
  hint: () => 'Each record must be one whole JSON object in which no declared key stands twice.',
  example: { reason: 'not JSON: unexpected end of the value' },
}) {}

export class RecordNotObjectError extends defineError<Rejection>({
  code: 'RECORD_NOT_OBJECT',
  fault: 'user',
  retry: 'never',
  message: (d) => d.reason,
  hint: () => 'Columns are read from the keys of a JSON object. Have the producer send one object per record.',
  example: { reason: 'the value is an array, not an object' },
}) {}

export class RecordWrongTypeError extends defineError<Rejection>({
  code: 'RECORD_WRONG_TYPE',
  fault: 'user',
  retry: 'never',
  message: (d) => d.reason,
  hint: () => 'Declare the column with a type that holds all its values (varchar holds any), or mend the producer.',
  example: { reason: 'column tnum: "abc" is not an INTEGER' },
}) {}

export class RecordSchemaUnusableError extends defineError<Rejection>({
  code: 'RECORD_SCHEMA_UNUSABLE',
  fault: 'user',
  retry: 'never',
  message: (d) => d.reason,
  hint: () => 'Is this the registry that the producer uses, and the format that it writes? Register the schema there.',
  example: { reason: 'the schema registry at http://localhost:8081 has no schema 17' },
}) {}

/** The schema that a pipeline file gives cannot be read. */
export class DecodeSchemaError extends defineError<{ format: string; problem: string }>({
  code: 'DECODE_SCHEMA_INVALID',
  fault: 'user',
  retry: 'never',
  message: (d) => `the ${d.format} schema under source.decode.${d.format}.schema cannot be used: ${d.problem}`,
  hint: () => 'Give the text of a whole schema: for Avro a record as JSON, for Protobuf a .proto file.',
  example: { format: 'avro', problem: 'undefined type name: strin' },
}) {}

export class RecordRequiredMissingError extends defineError<Rejection>({
  code: 'RECORD_REQUIRED_MISSING',
  fault: 'user',
  retry: 'never',
  message: (d) => d.reason,
  hint: () => 'Take the column out of `required` if records may lack it, or mend the producer.',
  example: { reason: 'column tno is required, and the record has none' },
}) {}

export class RecordTooLargeError extends defineError<Rejection>({
  code: 'RECORD_TOO_LARGE',
  fault: 'user',
  retry: 'never',
  message: (d) => d.reason,
  hint: () => 'Send large contents by reference (a path or URL) rather than in the record.',
  example: { reason: 'the value has 31457280 bytes; 16777216 are the most' },
}) {}

export class RecordTooDeepError extends defineError<Rejection>({
  code: 'RECORD_TOO_DEEP',
  fault: 'user',
  retry: 'never',
  message: (d) => d.reason,
  hint: () => 'Objects and arrays nested this deep are mostly a mistake or an attack. Flatten the value.',
  example: { reason: 'objects and arrays are nested more than 1000 deep' },
}) {}

export class UnreadableColumnError extends defineError<{ column: string; type: string }>({
  code: 'DECODE_COLUMN_UNREADABLE',
  fault: 'user',
  retry: 'never',
  message: (d) => `column ${d.column}: ${d.type} cannot be read from JSON, whose keys are text`,
  hint: () => 'Declare the map with varchar keys, and cast them in an SQL step.',
  example: { column: 'prices', type: 'MAP(INTEGER, DOUBLE)' },
}) {}

/** The file that an epoch's records pass through could not be written. */
export class SpoolFailedError extends defineError<{ path: string; problem: string }>({
  code: 'SPOOL_FAILED',
  fault: 'external',
  retry: 'backoff',
  message: (d) => `cannot write the epoch's records to ${d.path}: ${d.problem}`,
  hint: () => 'Records pass through /dev/shm where it is large enough, else the data folder: check that file system.',
  example: { path: '/dev/shm/headrace-0-5f0c/epoch.ndjson', problem: 'EIO: i/o error, write' },
}) {}
